// How far a migration is, as one server has seen it.

/** The phases in their order; each is rolled out to all servers before the next begins, in either direction. */
export type MigrationPhase = 'prepare' | 'switch' | 'finish';

/** Counted since this server started. */
export interface MigrationProgress {
  readonly phase: MigrationPhase;
  /** Reads that found the session in the old place only. When this stands still, those who come have all moved. */
  readonly oldOnly: number;
  /** Sessions that were brought to the place where they were missing. */
  readonly backFilled: number;
  /** Copies that could not be made or brought up to date; each is tried again at the session's next request. */
  readonly failed: number;
}

export class Counters implements MigrationProgress {
  oldOnly = 0;
  backFilled = 0;
  failed = 0;

  constructor(readonly phase: MigrationPhase) {}

  snapshot(): MigrationProgress {
    return { ...this };
  }
}
