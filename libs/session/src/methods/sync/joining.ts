// How a server begins: with what its snapshot holds, joined with what its peers hold, or alone when there are none.
import { rename, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreUnavailableError } from '../../core/errors.js';
import type { Copies } from './copies.js';
import type { Membership } from './membership.js';
import type { Counters, SyncOptions, SyncTimings } from './options.js';
import type { Reader } from './reader.js';
import { keyFor } from './security.js';
import { loadSnapshot, saveSnapshot } from './snapshot.js';

export class Joining {
  /** The snapshot was written while others continued: only they can tell what has ended since. */
  private startsEarly = false;

  constructor(
    private readonly options: Pick<SyncOptions, 'snapshotFile' | 'security' | 'onEvent'>,
    private readonly copies: Copies,
    private readonly membership: Membership,
    private readonly reader: Reader,
    private readonly timings: SyncTimings,
    private readonly counters: Pick<Counters, 'repaired'>,
  ) {}

  /** Takes what the snapshot holds, if there is one. */
  async loadSnapshot(): Promise<void> {
    const { snapshotFile, onEvent } = this.options;
    if (!snapshotFile) return;
    try {
      const snapshot = await loadSnapshot(snapshotFile, this.snapshotKey, this.copies.now());
      if (!snapshot) return;
      this.copies.take(snapshot.entries);
      this.startsEarly = snapshot.isEarly;
    } catch (error) {
      // As a whole, also where the fault was found in its midst.
      this.copies.forgetSessions();
      onEvent?.({ type: 'snapshot-refused', reason: (error as Error).message });
      // Kept for inspection.
      await rename(snapshotFile, `${snapshotFile}.refused`).catch(() => undefined);
    }
  }

  /** Removes the snapshot: once this server serves, it could bring back ended sessions. */
  async removeSnapshot(): Promise<void> {
    if (this.options.snapshotFile) await rm(this.options.snapshotFile, { force: true });
  }

  /** @param othersGoOn sessions in it may end after this server has left */
  async saveSnapshot(othersGoOn: boolean): Promise<void> {
    const { snapshotFile } = this.options;
    if (!snapshotFile) return;
    await saveSnapshot(snapshotFile, this.snapshotKey, this.copies.all(), this.copies.now(), othersGoOn);
  }

  /**
   * Resolves when this server may serve.
   * @throws StoreUnavailableError when a peer is there whose sessions cannot be taken over
   */
  async join(): Promise<void> {
    const { timings, reader } = this;
    const start = performance.now();
    let [repaired, movedAt] = [this.counters.repaired, start];
    for (;;) {
      const { members, unresolved } = this.membership;
      const waited = performance.now() - start;
      const behind = members.filter(({ isUp, current, isOwing }) => isOwing || (isUp && !current));
      reader.hasJoined ||= members.some(({ current }) => current);
      if (repaired !== this.counters.repaired) [repaired, movedAt] = [this.counters.repaired, performance.now()];
      if (behind.length > 0) {
        // As long as sessions come: how many there are decides how long that takes.
        if (performance.now() - movedAt > timings.joinWithin) {
          const names = behind.map(({ name, problem }) => `${name} (${problem ?? 'it does not reach this server'})`);
          throw new StoreUnavailableError(
            `Could not copy the sessions of ${names.join(', ')}: none has come for ${timings.joinWithin} ms.`,
          );
        }
      } else if (this.startsEarly && !reader.hasJoined) {
        if (waited > timings.joinWithin) return this.forgetSnapshot();
      } else if (waited > timings.aloneAfter) return;
      else if (unresolved.length === 0 && members.every(({ isUp }) => isUp)) return;
      else if (reader.hasJoined && members.every(({ isTried }) => isTried)) return;
      await sleep(5);
    }
  }

  private get snapshotKey(): Buffer {
    return keyFor(this.options.security, 'snapshot');
  }

  /** No server can tell which of its sessions have ended since it left: all count as ended. */
  private forgetSnapshot(): void {
    this.copies.forgetSessions();
    const reason = 'Other servers continued after the snapshot was written, and none of them can be reached.';
    this.options.onEvent?.({ type: 'snapshot-refused', reason });
  }
}
