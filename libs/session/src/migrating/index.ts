// @roam/session/migrating: a live site moves from one method to another, and back, with nobody logged out.
import { hasEpochs, isSessionIndex, tellsLives, type SessionEpochs } from '../port/abilities.js';
import type { SessionStore } from '../port/store.js';
import type { AnySessions } from '../carriers/carrier.js';
import { isSealed } from '../carriers/sealed.js';
import { BothEpochs } from './both-epochs.js';
import { BothLives } from './both-lives.js';
import { Counters, type MigrationPhase, type MigrationProgress } from './progress.js';
import { KeptKind, SealedKind, type Places } from './two-kinds.js';
import { TwoIndexes, TwoStoresWithEpochs } from './two-indexes.js';
import { TwoStores } from './two-stores.js';

export type { MigrationPhase, MigrationProgress };

export interface MigratingOptions {
  /**
   * `prepare`: the old place is written, the new one understood; `switch`: the new place leads, and what the old one
   * has is taken over as people come; `finish`: only the new place is used, but for what is still only in the old.
   */
  readonly phase: MigrationPhase;
  /** Milliseconds since 1970; for tests. */
  readonly now?: () => number;
}

/** A store that also tells how far the migration is. */
export type Migrating = AnySessions & { progress(): MigrationProgress };

/**
 * `from` and `to` as one store. Give it to every server in turn, one phase after the other:
 * `from` alone → `prepare` → `switch` → `finish` → `to` alone. A phase begins when the one before it has reached every
 * server; at each point the way back leads through the same phases. Stay in `finish` until `progress().oldOnly` stands
 * still, at the longest for the absolute limit: who has not come by then must log in again.
 *
 * Both places must answer while the migration lasts. A server promises the weaker of both rows of the promise table.
 * Who has gone all the way back to `from` alone must empty `to` before the next attempt: the copies there have not heard
 * of what was changed and ended since.
 *
 * @throws TypeError when both leave the session in the token, or one has a carrier of its own beside these two
 */
export function migrating(from: AnySessions, to: AnySessions, { phase, now = Date.now }: MigratingOptions): Migrating {
  const counters = new Counters(phase);
  if (isSealed(from)) {
    if (isSealed(to))
      throw new TypeError(
        'Sessions cannot be migrated between two stores that keep them in the cookie: one of the stores must be on the server.',
      );
    return twoKinds({ kept: storeOf(to), sealed: from, isKeptOld: false, counters, now, epochs: bothEpochs(from, to) });
  }
  if (isSealed(to)) {
    return twoKinds({ kept: storeOf(from), sealed: to, isKeptOld: true, counters, now, epochs: bothEpochs(from, to) });
  }
  return twoStores(storeOf(from), storeOf(to), counters, now);
}

function storeOf(sessions: AnySessions): SessionStore {
  if ('find' in sessions && !('carrier' in sessions)) return sessions;
  throw new TypeError(
    `Sessions of "${sessions.capabilities.method}" travel by a carrier of their own, so they cannot be migrated.`,
  );
}

function twoStores(from: SessionStore, to: SessionStore, counters: Counters, now: () => number): Migrating {
  const both = twoWithAbilities(from, to, counters);
  if (!tellsLives(from) || !tellsLives(to)) return both;
  const lives = new BothLives(from, to, counters.phase, (id) => both.find(id), now);
  return Object.assign(both, { livesOf: (ids: readonly string[]) => lives.livesOf(ids) });
}

function twoWithAbilities(from: SessionStore, to: SessionStore, counters: Counters): TwoStores {
  if (isSessionIndex(from) && isSessionIndex(to)) return new TwoIndexes(from, to, counters);
  if (hasEpochs(from) && hasEpochs(to)) return new TwoStoresWithEpochs(from, to, counters);
  return new TwoStores(from, to, counters);
}

/** The sessions of this server's own kind of token, whose carrier opens the other kind too. */
function twoKinds(places: Places): Migrating {
  const isOwnKept = places.isKeptOld === (places.counters.phase === 'prepare');
  const own = isOwnKept ? new KeptKind(places) : new SealedKind(places);
  const { epochs } = places;
  if (!epochs) return own;
  return Object.assign(own, {
    epochOf: (userId: string) => epochs.epochOf(userId),
    raiseEpoch: (userId: string) => epochs.raiseEpoch(userId),
  });
}

function bothEpochs(from: AnySessions, to: AnySessions): SessionEpochs | undefined {
  return hasEpochs(from) && hasEpochs(to) ? new BothEpochs(from, to, true) : undefined;
}
