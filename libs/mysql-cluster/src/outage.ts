// Since when there has been no node to read or to write, and what an outage leaves behind. Pure; times are given to it.
import type { Access } from './node.js';

/** Milliseconds after an outage for which nodes that are not back yet make a difference. */
const RECOVERING_MS = 10_000;

export class Outage {
  private readonly since: Record<Access, number | undefined> = { reads: undefined, writes: undefined };
  private hasBeenReadable = false;
  /** No node can be read now because this process stood still. */
  private isOwnFault = false;
  private recoveringUntil = -Infinity;

  constructor(private readonly readTimeoutMs: number) {}

  /** This process stood still: when no node can be read next, that is its own fault. */
  stalled(isReadable: boolean): void {
    this.isOwnFault ||= isReadable;
  }

  /** From now on there is a node to read, to write, or one that answers at all. */
  update(now: number, isReadable: boolean, isUsable: boolean, isReachable: boolean): void {
    const outageMs = now - (this.since.reads ?? now);
    if (isReadable && this.hasBeenReadable && !this.isOwnFault && outageMs > this.readTimeoutMs)
      this.recoveringUntil = now + RECOVERING_MS;
    this.hasBeenReadable ||= isReadable;
    if (isReadable || !isReachable) this.isOwnFault = false;
    this.since.writes = isUsable ? undefined : (this.since.writes ?? now);
    this.since.reads = isReadable ? undefined : (this.since.reads ?? now);
  }

  /**
   * True when there has been no node for a while: a statement need not wait for one any more.
   * @param areDown whether every node refuses to be asked, and none is merely slow: then a third of the time is enough
   */
  isOut(now: number, access: Access, areDown: boolean): boolean {
    const since = this.since[access];
    return since !== undefined && now - since > this.readTimeoutMs / (areDown ? 3 : 1);
  }

  /** True for a while after an outage that was not this process's own fault. */
  isRecovering(now: number): boolean {
    return now < this.recoveringUntil;
  }
}
