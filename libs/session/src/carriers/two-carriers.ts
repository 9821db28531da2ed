// A site that moves between sessions in a store and sessions in the token: each server opens the tokens of both kinds.
import type { SessionRecord } from '../port/records.js';
import type { SessionStore } from '../port/store.js';
import { SessionUsageError } from '../core/errors.js';
import type { RepeatSafety } from '../core/repeat-safety.js';
import { hashSecret } from '../core/identity.js';
import type { AddedHeader, Carried, Carrier, CarrierContext, Incoming, Recalled } from './carrier.js';
import { KeptCarrier } from './kept.js';
import { SealedCarrier, type SealedSessions } from './sealed.js';

/** A store that can take over the session in a token. */
export interface Lending extends SessionStore {
  /**
   * Has the copy of this unsealed session opened by a secret of this hash; makes the copy where there is none.
   * @returns false when the session is over
   */
  lend(token: SessionRecord, secretHash: string): Promise<boolean>;
}

/** Opens `own` sessions, then those of the other kind, which the response hands over to its own. */
abstract class TwoCarriers<Own extends Carrier> implements Carrier {
  constructor(
    protected readonly own: Own,
    protected readonly context: CarrierContext,
  ) {}

  get holdsContent(): boolean {
    return this.own.holdsContent;
  }

  async open(incoming: Incoming, repeats: RepeatSafety): Promise<Carried> {
    const carried = await this.own.open(incoming, repeats);
    return carried.found ? carried : ((await this.takeOver(incoming, repeats)) ?? carried);
  }

  recall(incoming: Incoming): Recalled | undefined {
    return this.own.recall(incoming);
  }

  signedOut(incoming: Incoming): readonly AddedHeader[] {
    return this.own.signedOut(incoming);
  }

  protected abstract takeOver(incoming: Incoming, repeats: RepeatSafety): Promise<Carried | undefined>;
}

/** Of a server whose sessions are kept. */
export class KeptBesideSealed extends TwoCarriers<KeptCarrier> {
  constructor(
    private readonly store: Lending,
    private readonly sealed: SealedSessions,
    context: CarrierContext,
  ) {
    super(new KeptCarrier(store, context), context);
  }

  protected async takeOver(incoming: Incoming): Promise<Carried | undefined> {
    const { tokens, rules } = this.context;
    const sent = rules.cookies.of(incoming).sent(incoming, 'token');
    const records = sent.map((token) => this.sealed.unseal(token)?.record);
    const record = records.find((record) => record && rules.isWithinLimits(record));
    if (!record) return undefined;
    const secret = tokens.secretOf(record.id);
    const token = { id: record.id, secret, hash: hashSecret(secret) };
    if (!(await this.store.lend(record, token.hash))) return undefined;
    return this.own.openToken(incoming, [token], undefined, true);
  }
}

/** Of a server whose sessions are sealed. */
export class SealedBesideKept extends TwoCarriers<SealedCarrier> {
  private readonly kept: KeptCarrier;

  constructor(
    private readonly sessions: SealedSessions,
    store: SessionStore,
    context: CarrierContext,
  ) {
    super(new SealedCarrier(sessions, context), context);
    this.kept = new KeptCarrier(store, context);
  }

  protected async takeOver(incoming: Incoming, repeats: RepeatSafety): Promise<Carried | undefined> {
    const kept = await this.kept.open(incoming);
    if (!kept.found) return undefined;
    try {
      return await this.own.openToken(incoming, [this.sessions.seal(kept.found.record)], repeats, true);
    } catch (error) {
      // Too large for a cookie: it stays where it is.
      if (error instanceof SessionUsageError) return kept;
      throw error;
    }
  }
}
