// What this server itself has seen end, for as long as a copy from before may be shown: the last known revocations.

/** Beyond this many, copies are not believed at all until what was forgotten would have been forgotten anyway. */
const MAX_ENTRIES = 100_000;

interface Ended {
  readonly seenAt: number;
  /** A user's sessions of earlier epochs have ended. */
  readonly epoch?: number;
}

/** Fails closed: what it had to forget too early ends all copies, none is let in by mistake. */
export class KnownEnds {
  /** Oldest first. Sessions by id, users by `user ID`. */
  private readonly ended = new Map<string, Ended>();
  private blindUntil = -Infinity;

  /** @param rememberMs longer than the oldest copy that is taken, by as much as servers' clocks may differ. */
  constructor(
    private readonly rememberMs: number,
    private readonly now: () => number,
    private readonly maxEntries = MAX_ENTRIES,
  ) {}

  addSession(id: string): void {
    this.add(id, { seenAt: this.now() });
  }

  addEpoch(userId: string, epoch: number): void {
    const key = `user ${userId}`;
    this.add(key, { seenAt: this.now(), epoch: Math.max(epoch, this.ended.get(key)?.epoch ?? 0) });
  }

  /** Whether this server knows, or cannot exclude, that the session is over. */
  mayHaveEnded(id: string, userId: string | null, epoch: number): boolean {
    if (this.now() < this.blindUntil || this.ended.has(id)) return true;
    return userId !== null && (this.ended.get(`user ${userId}`)?.epoch ?? 0) > epoch;
  }

  private add(key: string, ended: Ended): void {
    this.ended.delete(key);
    this.ended.set(key, ended);
    for (const [oldest, { seenAt }] of this.ended) {
      const isOver = seenAt + this.rememberMs < this.now();
      if (!isOver && this.ended.size <= this.maxEntries) return;
      this.ended.delete(oldest);
      if (!isOver) this.blindUntil = seenAt + this.rememberMs;
    }
  }
}
