// The part of a revocation list that a server knows: in memory, without entries whose sessions would have ended anyway.

/** How often entries that are over are forgotten. */
const FORGET_EVERY_MS = 60_000;

export class KnownRevocations {
  /** Until when, by handle. */
  private readonly handles = new Map<string, number>();
  private readonly epochs = new Map<string, { epoch: number; until: number }>();
  private forgetAt = 0;

  constructor(private readonly now: () => number = Date.now) {}

  /** How many entries are held. */
  get size(): number {
    return this.handles.size + this.epochs.size;
  }

  addHandle(handle: string, until: number): void {
    this.handles.set(handle, Math.max(until, this.handles.get(handle) ?? 0));
    this.forget();
  }

  addEpoch(userId: string, epoch: number, until: number): void {
    const known = this.epochs.get(userId);
    this.epochs.set(userId, {
      epoch: Math.max(epoch, known?.epoch ?? 0),
      until: Math.max(until, known?.until ?? 0),
    });
    this.forget();
  }

  isRevoked(handle: string): boolean {
    return this.handles.has(handle);
  }

  epoch(userId: string): number {
    return this.epochs.get(userId)?.epoch ?? 0;
  }

  private forget(): void {
    const now = this.now();
    if (now < this.forgetAt) return;
    this.forgetAt = now + FORGET_EVERY_MS;
    for (const [handle, until] of this.handles) if (until < now) this.handles.delete(handle);
    for (const [userId, { until }] of this.epochs) if (until < now) this.epochs.delete(userId);
  }
}
