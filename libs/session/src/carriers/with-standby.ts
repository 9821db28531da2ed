// The outage policy `read-only` as a carrier: a copy of each session travels beside it, to be shown while the store is down.
import type { Found, SessionRecord } from '../port/records.js';
import { SessionOutageError, StoreUnavailableError } from '../core/errors.js';
import type { RepeatSafety } from '../core/repeat-safety.js';
import { COPY_LIFE_MS, type ReadOnlyOutage } from '../outage/read-only-outage.js';
import {
  Carried,
  type AddedHeader,
  type AnySessions,
  type Carrier,
  type CarrierContext,
  type Committed,
  type Copy,
  type Incoming,
  type Recalled,
} from './carrier.js';
import { DecoratedCarried } from './decorated.js';

/** Where the browser holds the session itself, that is the copy. */
export class WithStandby implements Carrier {
  readonly holdsContent: boolean;

  constructor(
    private readonly inner: Carrier,
    private readonly outage: ReadOnlyOutage,
    private readonly context: CarrierContext,
  ) {
    this.holdsContent = inner.holdsContent;
  }

  async open(incoming: Incoming, repeats: RepeatSafety): Promise<Carried> {
    const held = this.heldBy(incoming);
    const takenAt = this.context.rules.now();
    try {
      return new StandbyCarried(await this.inner.open(incoming, repeats), this, incoming, takenAt, held);
    } catch (error) {
      const copy = error instanceof StoreUnavailableError ? this.copyOf(incoming, held) : undefined;
      if (!copy) throw error;
      this.context.rules.emit({ type: 'shown-from-copy', id: copy.record.id });
      return new CopyCarried(copy, this, incoming, this.outage.store);
    }
  }

  recall(incoming: Incoming): Recalled | undefined {
    return this.inner.recall(incoming);
  }

  signedOut(incoming: Incoming): readonly AddedHeader[] {
    return [...this.inner.signedOut(incoming), ...this.cookie(incoming, undefined)];
  }

  /** As `Carried.signOut`: the end waits until the store takes it. */
  async signOut({ id, endsAt }: SessionRecord, end: () => Promise<unknown>): Promise<boolean> {
    try {
      await end();
      return true;
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      this.outage.endLater(id, endsAt);
      this.context.rules.emit({ type: 'logout-pending', id });
      return false;
    }
  }

  /** @param copy undefined expires what the browser holds */
  cookie(incoming: Incoming, copy: Copy | undefined, held?: string): AddedHeader[] {
    const value = copy ? this.outage.renew(copy, held) : null;
    return value === undefined ? [] : [this.context.rules.cookies.of(incoming).set('standby', value, COPY_LIFE_MS)];
  }

  mayShow(copy: Copy): boolean {
    return this.context.rules.isWithinLimits(copy.record) && this.outage.mayShow(copy);
  }

  /** The copy that may be shown; undefined: none. */
  private copyOf(incoming: Incoming, held: string | undefined): Copy | undefined {
    const recalled = this.inner.recall(incoming);
    const copy = recalled?.copy ?? this.outage.open(held);
    if (!recalled || copy?.record.id !== recalled.id) return undefined;
    if (recalled.seen !== undefined && recalled.seen !== copy.mark) return undefined;
    return this.mayShow(copy) && this.context.rules.decode(copy.record) ? copy : undefined;
  }

  private heldBy(incoming: Incoming): string | undefined {
    const sent = this.context.rules.cookies.of(incoming).sent(incoming, 'standby');
    return sent.find((value) => this.outage.open(value));
  }
}

/** A session from the store, of which the response may carry a new copy. */
class StandbyCarried extends DecoratedCarried {
  readonly #incoming: Incoming;
  readonly #held: string | undefined;

  constructor(
    inner: Carried,
    private readonly carrier: WithStandby,
    incoming: Incoming,
    private readonly takenAt: number,
    held: string | undefined,
  ) {
    super(inner);
    this.#incoming = incoming;
    this.#held = held;
  }

  override signOut(record: SessionRecord): Promise<boolean> {
    return this.carrier.signOut(record, () => this.inner.signOut(record));
  }

  override carry(committed: Committed | undefined): readonly AddedHeader[] {
    const { carrier, takenAt } = this;
    if (!committed) return carrier.signedOut(this.#incoming);
    const headers = this.inner.carry(committed);
    if (carrier.holdsContent) return headers;
    return [...headers, ...carrier.cookie(this.#incoming, { ...committed, takenAt }, this.#held)];
  }
}

/** A session that is shown from its copy: it can be read, and signed out. */
class CopyCarried extends Carried {
  readonly #incoming: Incoming;

  constructor(
    private readonly copy: Copy,
    private readonly carrier: WithStandby,
    incoming: Incoming,
    store: AnySessions,
  ) {
    super(store, { ...copy, userEpoch: copy.record.epoch });
    this.#incoming = incoming;
  }

  override get asOf(): number {
    return this.copy.takenAt;
  }

  override assertWritable(): never {
    throw new SessionOutageError('The session store cannot be reached, so sessions are read-only: try again later.');
  }

  async look(): Promise<Found | undefined> {
    return this.carrier.mayShow(this.copy) ? this.found : undefined;
  }

  touch(record: SessionRecord): SessionRecord {
    return record;
  }

  override signOut(record: SessionRecord): Promise<boolean> {
    return this.carrier.signOut(record, () => this.sessions.destroy(record.id));
  }

  /** What is not from the store says nothing new. */
  carry(committed: Committed | undefined): readonly AddedHeader[] {
    return committed ? [] : this.carrier.signedOut(this.#incoming);
  }
}
