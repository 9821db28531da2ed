// Sessions that the browser holds: the token is the session, sealed.
import type { Found, SessionRecord, WriteResult } from '../port/records.js';
import { hasEpochs } from '../port/abilities.js';
import type { RepeatSafety } from '../core/repeat-safety.js';
import {
  Carried,
  type AddedHeader,
  type AnySessions,
  type CarriedSessions,
  type Carrier,
  type CarrierContext,
  type Committed,
  type Incoming,
  type Recalled,
} from './carrier.js';
import type { CookieSet } from './cookies.js';

/**
 * Nobody stores them; what is stored is which of them have ended. A new token is sealed after each `create` and `update`,
 * and instead of a touch. Older tokens of a session stay usable until their own idle limit, so that of parallel writes the
 * one wins whose response the browser takes last. `destroy` ends them all.
 */
export interface SealedSessions extends CarriedSessions {
  /** As everywhere, and refuses what `seal` would. @throws SessionUsageError */
  create(record: SessionRecord, instead?: SessionRecord): Promise<WriteResult>;
  update(record: SessionRecord, base: SessionRecord): Promise<WriteResult>;
  /** @throws SessionUsageError when a browser would not keep so large a cookie. */
  seal(record: SessionRecord): string;
  /** The record in the token, whether or not it has ended; undefined for what is not exactly ours. */
  unseal(token: string): Unsealed | undefined;
  /** As `SessionStore.find`, of a record that the browser brought: undefined when it was ended. */
  admit(record: SessionRecord): Promise<Found | undefined>;
  /** Whether this server knows, or cannot exclude without asking, that the session or all of its user's ended early. */
  mayHaveEnded(record: SessionRecord): boolean;
}

export interface Unsealed {
  readonly record: SessionRecord;
  /** Sealed with an older key: must be sealed again. */
  readonly outdated: boolean;
}

/** Of how many sessions one request may bring tokens. */
const MOST_SESSIONS = 3;

/** Tells sealed sessions from a store, where two methods are joined. */
export function isSealed(sessions: AnySessions): sessions is SealedSessions {
  return 'unseal' in sessions;
}

export class SealedCarrier implements Carrier {
  readonly holdsContent = true;

  constructor(
    private readonly sessions: SealedSessions,
    private readonly context: CarrierContext,
  ) {}

  async open(incoming: Incoming, repeats: RepeatSafety): Promise<Carried> {
    return this.openToken(incoming, this.sent(incoming), repeats);
  }

  recall(incoming: Incoming): Recalled | undefined {
    const record = this.unseal(this.sent(incoming))[0]?.record;
    if (!record || this.sessions.mayHaveEnded(record)) return undefined;
    const mark = String(record.version);
    const content = this.context.rules.decode(record);
    if (!content) return undefined;
    // Sealed when its idle limit began.
    const takenAt = record.idleEndsAt - this.context.rules.idleLimit(content.remember);
    return { id: record.id, seen: mark, copy: { record, mark, takenAt } };
  }

  signedOut(incoming: Incoming): readonly AddedHeader[] {
    return this.context.rules.cookies.of(incoming).expired();
  }

  /**
   * @param tokens the first counts that we have sealed and whose session lives
   * @param isForeign whether the browser holds another token than this one, so that the response must carry it
   */
  async openToken(
    incoming: Incoming,
    tokens: readonly string[],
    repeats: RepeatSafety,
    isForeign = false,
  ): Promise<Carried> {
    const { sessions, context } = this;
    const cookies = context.rules.cookies.of(incoming);
    const carried = (found?: Found, mustTouch = false) =>
      new SealedCarried(sessions, context, cookies, repeats, found, mustTouch);
    for (const { record, outdated } of this.unseal(tokens)) {
      const found = (await sessions.admit(record)) ?? (await this.leftByEarlierTry(record, repeats));
      if (found && context.rules.isLive(found)) return carried(found, outdated || isForeign);
    }
    return carried();
  }

  private sent(incoming: Incoming): readonly string[] {
    return this.context.rules.cookies.of(incoming).sent(incoming, 'token');
  }

  /** Those that we sealed and that are within their limits, wherever they stand. */
  private unseal(tokens: readonly string[]): Unsealed[] {
    const { rules } = this.context;
    const unsealed = tokens.map((token) => this.sessions.unseal(token)).filter((each) => each !== undefined);
    return unsealed.filter(({ record }) => rules.isWithinLimits(record)).slice(0, MOST_SESSIONS);
  }

  /** The session that an earlier try of this request has left for a new one: this try begins where that one did. */
  private async leftByEarlierTry(record: SessionRecord, repeats: RepeatSafety): Promise<Found | undefined> {
    const { sessions } = this;
    const trace = repeats.traceOf(record.id);
    if (trace === undefined || (await sessions.admit({ ...record, id: trace }))) return undefined;
    const { userId } = record;
    return { record, userEpoch: userId !== null && hasEpochs(sessions) ? await sessions.epochOf(userId) : 0 };
  }
}

class SealedCarried extends Carried {
  /** Of the record that was committed last; undefined while the browser holds that one. */
  #token: string | undefined;

  constructor(
    private readonly sealed: SealedSessions,
    private readonly context: CarrierContext,
    private readonly cookies: CookieSet,
    private readonly repeats: RepeatSafety,
    found: Found | undefined,
    private readonly mustReissue: boolean,
  ) {
    super(sealed, found);
  }

  override get mustTouch(): boolean {
    return this.mustReissue;
  }

  look(record: SessionRecord): Promise<Found | undefined> {
    return this.sealed.admit(record);
  }

  override prepare(record: SessionRecord): void {
    if (record !== this.found?.record) this.#token = this.sealed.seal(record);
  }

  /**
   * Looks once more whether the session has ended since the request began: the token of a session that a login has left
   * would take the place of the new one's.
   */
  async touch(record: SessionRecord, idleEndsAt: number): Promise<SessionRecord> {
    const found = await this.sealed.admit(record);
    return found && this.context.rules.isLive(found) ? { ...record, idleEndsAt } : record;
  }

  override async leave(record: SessionRecord, ifVersion?: number): Promise<WriteResult> {
    // No store records which request has left it.
    const trace = this.repeats.traceOf(record.id);
    if (trace !== undefined) await this.sealed.destroy(trace);
    return this.sealed.destroy(record.id, ifVersion);
  }

  carry(committed: Committed | undefined): readonly AddedHeader[] {
    if (!committed) return this.cookies.expired();
    return this.#token === undefined ? [] : [this.cookies.set('token', this.#token, committed.maxAge)];
  }
}
