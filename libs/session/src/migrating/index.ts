// @roam/session/migrating: a live site moves from one method to another, and back, with nobody logged out.
import { hasEpochs, isSessionIndex, type SessionStore } from '../store.js';
import { Counters, type MigrationPhase, type MigrationProgress } from './progress.js';
import { TwoIndexes, TwoStores, TwoStoresWithEpochs } from './two-stores.js';

export type { MigrationPhase, MigrationProgress };

export interface MigratingOptions {
  readonly phase: MigrationPhase;
}

export function migrating(from: SessionStore, to: SessionStore, { phase }: MigratingOptions): TwoStores {
  const counters = new Counters(phase);
  if (isSessionIndex(from) && isSessionIndex(to)) return new TwoIndexes(from, to, counters);
  if (hasEpochs(from) && hasEpochs(to)) return new TwoStoresWithEpochs(from, to, counters);
  return new TwoStores(from, to, counters);
}
