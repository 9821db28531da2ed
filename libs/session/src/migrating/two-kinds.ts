// A site that moves between sessions in a store and sessions in the token: both kinds of tokens open the same session.
import { randomBytes } from 'node:crypto';
import { nextAttempt } from '../core/attempts.js';
import { KEPT_WRITES } from '../core/merge.js';
import type { SessionEpochs } from '../port/abilities.js';
import type { Found, Mark, SessionRecord, WriteResult } from '../port/records.js';
import type { SessionCapabilities, SessionStore, SessionWriter } from '../port/store.js';
import { KeptBesideSealed, SealedBesideKept, type Lending } from '../carriers/two-carriers.js';
import type { CarriedSessions, Carrier, CarrierContext } from '../carriers/carrier.js';
import type { SealedSessions, Unsealed } from '../carriers/sealed.js';
import type { Counters, MigrationProgress } from './progress.js';
import { isForUsersOnly, weaker } from './weaker.js';

/** For requests that were under way with the token that is replaced. */
const GRACE_MS = 30_000;

/**
 * The two places, of which one is the browser. Every server opens both kinds of tokens and answers with its own: the
 * old kind in `prepare`, the new kind from `switch` on. Why nobody is logged out and no logout undone:
 *
 * - A session's copy in the store, where there is one, decides: whoever changes the session, with whichever token,
 *   compares and sets it there. So `prepare` and `switch` agree. A token that is newer than the copy was written by a
 *   server that knows only tokens; its content then goes into the copy.
 * - A copy is made only of a token that a `switch` or `finish` server takes over, or one that comes back to `prepare`:
 *   what servers that know only tokens end would stay unknown to it.
 * - Whoever ends a session puts it on the token's list first, then ends the copy. Whoever makes a copy looks at the list
 *   once more when it is made. So a copy that is made meanwhile is ended by one of the two.
 */
export interface Places {
  readonly kept: SessionStore;
  readonly sealed: SealedSessions;
  readonly isKeptOld: boolean;
  readonly counters: Counters;
  readonly epochs: SessionEpochs | undefined;
  readonly now: () => number;
}

/** What both kinds of requests do alike. */
abstract class EitherKind implements SessionWriter {
  constructor(protected readonly places: Places) {}

  abstract create(record: SessionRecord): Promise<WriteResult>;
  abstract update(record: SessionRecord, base: SessionRecord): Promise<WriteResult>;
  abstract touch(id: string, idleEndsAt: number): Promise<void>;

  get capabilities(): SessionCapabilities {
    const { kept, sealed, isKeptOld, counters } = this.places;
    const shown: SessionWriter = isKeptOld === (counters.phase === 'prepare') ? kept : sealed;
    return weaker(kept, sealed, shown);
  }

  /** See `SessionRoom`. */
  get isForUsersOnly(): boolean {
    return isForUsersOnly(this.places.kept);
  }

  /** How far this server has seen the migration come. */
  progress(): MigrationProgress {
    return this.places.counters.snapshot();
  }

  async destroy(id: string, ifVersion?: number): Promise<WriteResult> {
    const { kept, sealed } = this.places;
    if (ifVersion !== undefined) {
      const result = await kept.destroy(id, ifVersion);
      if (result.status === 'conflict') return result;
    }
    await sealed.destroy(id);
    const ended = await kept.destroy(id);
    return ifVersion === undefined ? ended : { status: 'done' };
  }

  async sweep(before: number, limit: number): Promise<number> {
    const swept = await this.places.kept.sweep(before, limit);
    return swept < limit ? swept + (await this.places.sealed.sweep(before, limit - swept)) : swept;
  }

  /** `finish` reads and writes the new place only. */
  protected isDone(place: 'kept' | 'sealed'): boolean {
    const { counters, isKeptOld } = this.places;
    return counters.phase === 'finish' && isKeptOld === (place === 'kept');
  }
}

/** Sessions whose token opens the copy in the store. */
export class KeptKind extends EitherKind implements Lending, CarriedSessions {
  carrier(sessions: Lending, context: CarrierContext): Carrier {
    return new KeptBesideSealed(sessions, new SealedKind(this.places), context);
  }

  async find(id: string, atLeast?: Mark): Promise<Found | undefined> {
    const { kept, sealed } = this.places;
    const found = await kept.find(id, atLeast);
    if (!found || this.isDone('sealed')) return found;
    const admitted = await sealed.admit(found.record);
    return admitted && { ...found, userEpoch: Math.max(found.userEpoch, admitted.userEpoch) };
  }

  async create(record: SessionRecord): Promise<WriteResult> {
    if (!(await this.places.sealed.admit(record))) return { status: 'gone' };
    return this.places.kept.create(record);
  }

  async update(record: SessionRecord, base: SessionRecord): Promise<WriteResult> {
    if (!(await this.places.sealed.admit(record))) return { status: 'gone' };
    return this.places.kept.update(record, base);
  }

  touch(id: string, idleEndsAt: number): Promise<void> {
    return this.places.kept.touch(id, idleEndsAt);
  }

  /**
   * Has the store's copy of the session in this token opened by a secret of this hash; makes the copy where there is
   * none. False when the session is over.
   */
  async lend(token: SessionRecord, secretHash: string): Promise<boolean> {
    const { kept, sealed, counters, now } = this.places;
    if (!(await sealed.admit(token))) return false;
    for (let attempt = 0; ; attempt = await nextAttempt(attempt)) {
      const copy = (await kept.find(token.id))?.record;
      if (copy) {
        const result = await this.open(copy, token, secretHash);
        if (result !== undefined) return result;
        continue;
      }
      counters.oldOnly++;
      const secrets = { current: secretHash, since: now() };
      const created = await kept.create({ ...token, secrets, writes: [tokenWrite(token.version)] });
      if (created.status === 'gone') {
        await sealed.destroy(token.id);
        return false;
      }
      // A place that has had it long ago keeps the idle limit that it knew.
      await kept.touch(token.id, token.idleEndsAt);
      if (!(await sealed.admit(token))) {
        await kept.destroy(token.id);
        return false;
      }
      counters.backFilled++;
    }
  }

  /** Undefined when somebody else was faster. */
  private async open(copy: SessionRecord, token: SessionRecord, secretHash: string): Promise<boolean | undefined> {
    const { kept } = this.places;
    const isBehind = token.version > seenIn(copy);
    if (!isBehind && copy.secrets.current === secretHash) {
      if (copy.idleEndsAt < token.idleEndsAt) await kept.touch(copy.id, token.idleEndsAt);
      return true;
    }
    const { secrets, version, writes } = copy;
    const next = {
      ...(isBehind ? token : copy),
      version: version + 1,
      secrets:
        secrets.current === secretHash
          ? secrets
          : { ...secrets, current: secretHash, previous: secrets.current, previousUntil: this.places.now() + GRACE_MS },
      idleEndsAt: Math.max(copy.idleEndsAt, token.idleEndsAt),
      writes: [...writes, tokenWrite(token.version), randomBytes(6).toString('base64url')].slice(-KEPT_WRITES),
    };
    const { status } = await kept.update(next, copy);
    return status === 'conflict' ? undefined : status === 'done';
  }
}

/** Sessions whose token holds them. */
export class SealedKind extends EitherKind implements SealedSessions {
  carrier(sessions: SealedSessions, context: CarrierContext): Carrier {
    return new SealedBesideKept(sessions, new KeptKind(this.places), context);
  }

  /** Only the store knows, and nobody asks it here. */
  mayHaveEnded(): boolean {
    return true;
  }

  seal(record: SessionRecord): string {
    return this.places.sealed.seal(record);
  }

  unseal(token: string): Unsealed | undefined {
    return this.places.sealed.unseal(token);
  }

  async admit(token: SessionRecord): Promise<Found | undefined> {
    const found = await this.places.sealed.admit(token);
    if (!found || this.isDone('kept')) return found;
    const kept = await this.places.kept.find(token.id);
    if (!kept) return found;
    const { record: copy } = kept;
    const seen = seenIn(copy);
    const record = {
      ...(token.version > seen ? token : copy),
      version: Math.max(token.version, seen),
      secrets: copy.secrets,
      writes: copy.writes,
      idleEndsAt: Math.max(copy.idleEndsAt, token.idleEndsAt),
    };
    return { record, userEpoch: Math.max(found.userEpoch, kept.userEpoch) };
  }

  create(record: SessionRecord): Promise<WriteResult> {
    return this.places.sealed.create(record);
  }

  async update(record: SessionRecord, base: SessionRecord): Promise<WriteResult> {
    const { kept, sealed } = this.places;
    const result = await sealed.update(record, base);
    if (result.status !== 'done' || this.isDone('kept')) return result;
    const copy = (await kept.find(record.id))?.record;
    if (!copy) return result;
    const behind = { ...copy, version: seenIn(copy) };
    if (behind.version >= record.version) return { status: 'conflict', current: behind };
    const next = {
      ...record,
      version: copy.version + 1,
      secrets: record.secrets.current === '' ? copy.secrets : record.secrets,
      writes: [tokenWrite(record.version), ...record.writes].slice(-KEPT_WRITES),
    };
    const written = await kept.update(next, copy);
    if (written.status === 'conflict') {
      const { current } = written;
      return { status: 'conflict', current: { ...current, version: Math.max(seenIn(current), record.version) } };
    }
    if (written.status === 'done' && written.record)
      return { status: 'done', record: { ...written.record, version: record.version } };
    return written.status === 'gone' ? written : { status: 'done' };
  }

  touch(id: string, idleEndsAt: number): Promise<void> {
    return this.places.kept.touch(id, idleEndsAt);
  }
}

/** The write id by which a copy tells up to which version it contains the session's tokens. */
function tokenWrite(version: number): string {
  return `token-${version}`;
}

function seenIn({ version, writes }: SessionRecord): number {
  return Math.max(version, ...writes.map((write) => Number(/^token-(\d+)$/.exec(write)?.[1] ?? 0)));
}
