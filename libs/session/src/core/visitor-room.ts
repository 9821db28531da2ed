// What the sessions of visitors may take of the store: no more of them than the app allows, nor than leaves users room.
import { keepsRoom } from '../port/abilities.js';
import type { SessionWriter } from '../port/store.js';
import { TooManySessionsError } from './errors.js';
import type { SessionEvent } from './options.js';

/** How long to wait for sessions to end, where the store has room for users only. Milliseconds. */
const FULL_MS = 60_000;

/** Of one request. */
export class VisitorRoom {
  /** Somebody has proved who they are, though the session is nobody's yet: it may take the room of users. */
  isOfUser = false;

  /** @param waitMs how long this request must wait before it may begin a session: see `SessionOptions.visitorWaitMs` */
  constructor(
    private readonly waitMs: () => number,
    private readonly emit: (event: SessionEvent) => void,
  ) {}

  /** @throws TooManySessionsError */
  assertMayCreate(store: SessionWriter): void {
    this.assertMayGrow(store);
    const waitMs = this.isOfUser ? 0 : this.waitMs();
    if (waitMs > 0) this.refuse('rate', waitMs);
  }

  /** @throws TooManySessionsError */
  assertMayGrow(store: SessionWriter): void {
    if (!this.isOfUser && keepsRoom(store) && store.isForUsersOnly) this.refuse('room', FULL_MS);
  }

  private refuse(reason: 'rate' | 'room', waitMs: number): never {
    this.emit({ type: 'visitor-refused', reason });
    throw new TooManySessionsError(waitMs);
  }
}
