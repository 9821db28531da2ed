// What a store may be able to do beyond the port, and the guards that tell.
import type { SessionRecord, WriteResult } from './records.js';
import type { SessionWriter } from './store.js';

/** Can end all sessions of a user at once. Optional: `hasEpochs` tells. */
export interface SessionEpochs {
  /** The user's epoch now; 0 when never raised. */
  epochOf(userId: string): Promise<number>;
  /** Ends every session of the user that began under an earlier epoch, also one that is being created just now. */
  raiseEpoch(userId: string): Promise<number>;
}

export function hasEpochs<T extends SessionWriter>(store: T): store is T & SessionEpochs {
  return 'epochOf' in store && 'raiseEpoch' in store;
}

/**
 * Can end all of a user's sessions but one in the step that lifts this one above them. Optional: `liftsSessions` tells. Without
 * it two steps do, of which a fault may leave the second undone: the next end of all goes above what that has lifted.
 */
export interface SessionLift extends SessionEpochs {
  /**
   * As `update`, and raises the epoch of `record.userId` to `record.epoch` in the same step: both or neither. Where that epoch
   * is reached already it is `done` if this session was lifted to it by another request, or by a try whose answer was lost, and
   * brings the record; else `gone`: somebody else has ended all sessions, this one too. `record` changes nothing else.
   */
  updateAbove(record: SessionRecord, base: SessionRecord): Promise<WriteResult>;
}

export function liftsSessions<T extends SessionWriter>(store: T): store is T & SessionLift {
  return 'updateAbove' in store;
}

/** A store that knows which sessions a user has. Optional: `isSessionIndex` tells. */
export interface SessionIndex extends SessionEpochs {
  /** The user's live records, newest first, none that was created before this call missing. */
  listByUser(userId: string): Promise<SessionRecord[]>;
}

export function isSessionIndex<T extends SessionWriter>(store: T): store is T & SessionIndex {
  return 'listByUser' in store && hasEpochs(store);
}

/** What decides whether a session lives on. Of its content the beginning is enough: `endIn` reads the session's own end there. */
export interface Life {
  readonly record: Pick<SessionRecord, 'idleEndsAt' | 'endsAt' | 'payload' | 'userId' | 'epoch'>;
  readonly userEpoch: number;
}

/**
 * Can tell of many sessions by one question, so that a server with many open streams asks no more than one with few.
 * Optional: `tellsLives` tells.
 */
export interface SessionLives {
  /**
   * By id; undefined for a session that was ended or is not there. An id is missing from the map if its session cannot be
   * told of now: that says nothing about its end. A life may be as it was at an earlier question, if nothing has ended it
   * and no limit of it has passed since. @throws StoreUnavailableError when nothing can be told
   */
  livesOf(ids: readonly string[]): Promise<ReadonlyMap<string, Life | undefined>>;
}

export function tellsLives<T extends SessionWriter>(store: T): store is T & SessionLives {
  return 'livesOf' in store;
}

/** A store that is bounded and keeps a part of its room for signed-in users. Optional: `keepsRoom` tells. */
export interface SessionRoom {
  /**
   * True while what is left is for users: no session of a visitor is created then, and none grows. Asked before each of these,
   * so it must be cheap.
   */
  readonly isForUsersOnly: boolean;
}

export function keepsRoom<T extends SessionWriter>(store: T): store is T & SessionRoom {
  return 'isForUsersOnly' in store;
}

/** The part of a bounded store that visitors may fill: the rest is for users. */
export const VISITORS_PART = 0.75;
