// Makes mounts hold the same again: after a mount's return, where a read finds a difference, and from time to time.
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreUnavailableError } from '../../core/errors.js';
import { join, KINDS, type Key } from './documents.js';
import { inBatches } from './in-batches.js';
import type { MirrorOptions } from './mirrored-documents.js';
import { MountError, type Mount } from './mount.js';
import { joined, type Mounts } from './mounts.js';
import { readPage, type Page } from './pages.js';

/** Documents that a mount which comes back is given at once: requests have the mounts for the most part. */
const GIVEN_AT_ONCE = 4;
const GIVE_AGAIN_MS = 100;
const REPAIR_DELAY_MS = 200;
const MAX_MISSED = 100_000;
/** After a start, or when a mount was away, they are compared about so much later: one may lack more than is known. */
const COMPARE_SOON_MS = 20_000;

export class MirrorRepair {
  /** Copies that lacked something and were given it. */
  repaired = 0;
  private readonly missed = new Map<Mount, Map<string, Key>>();
  /** Mounts that missed more than is remembered. */
  private readonly missedMore = new Set<Mount>();
  private readonly comingBack = new Set<Mount>();
  private readonly repairing = new Set<string>();
  private readonly closing = new AbortController();
  /** Has the mounts compared soon. */
  private wake = new AbortController();

  constructor(
    private readonly mounts: Mounts,
    private readonly options: MirrorOptions,
  ) {
    for (const mount of mounts.all) this.missed.set(mount, new Map());
  }

  close(): void {
    this.closing.abort();
  }

  /** This document was written without the mount. */
  note(mount: Mount, key: Key): void {
    const missed = this.missed.get(mount)!;
    if (missed.size < (this.options.maxMissed ?? MAX_MISSED)) missed.set(nameOf(key), key);
    else this.missedMore.add(mount);
  }

  /** Gives a mount that answers again what it missed; then it counts. Continues where a fence interrupted it. */
  async bringBack(mount: Mount): Promise<void> {
    if (this.comingBack.has(mount)) return;
    this.comingBack.add(mount);
    await this.catchUp(mount).finally(() => this.comingBack.delete(mount));
  }

  /** After a moment: a write that is under way needs no help. */
  repairSoon(key: Key): void {
    const name = nameOf(key);
    if (this.repairing.has(name)) return;
    this.repairing.add(name);
    void sleep(REPAIR_DELAY_MS, undefined, { ref: false, signal: this.closing.signal })
      .then(() => this.repair(key))
      .catch(this.reportFailure)
      .finally(() => this.repairing.delete(name));
  }

  /** Makes all live mounts hold the same; returns how many documents differed. */
  async compare(): Promise<number> {
    let differing = 0;
    for (const kind of KINDS) {
      let from: string | undefined = '';
      while (from !== undefined && this.mounts.live.length > 1) {
        const { documents, next, mounts }: Page = await readPage(this.mounts.live, kind, from);
        for (const [hash, copies] of documents) {
          const digests = new Set(copies.map(([, { digest }]) => digest));
          if (digests.size === 1 && copies.length === mounts) continue;
          // A document that may be swept needs no repair.
          if (copies.every(([, { end }]) => end < Date.now())) continue;
          differing++;
          await this.repair({ kind, hash });
        }
        from = next;
      }
    }
    return differing;
  }

  /** Compares the mounts until `close`, soon at first: servers that knew what one has missed may have been restarted. */
  async compareForever(): Promise<void> {
    const { signal } = this.closing;
    const { compareMs, compareSoonMs = COMPARE_SOON_MS } = this.options;
    const pause = (ms: number, until: AbortSignal) =>
      // Not all servers at once.
      sleep(ms * (0.5 + Math.random()), undefined, { ref: false, signal: until }).catch(() => undefined);
    this.wake.abort();
    while (!signal.aborted) {
      const woken = AbortSignal.any([signal, this.wake.signal]);
      await pause(compareMs, woken);
      if (woken.aborted) await pause(Math.min(compareSoonMs, compareMs), signal);
      this.wake = new AbortController();
      if (!signal.aborted) await this.compare().catch(this.reportFailure);
    }
  }

  private async catchUp(mount: Mount): Promise<void> {
    const missed = this.missed.get(mount)!;
    let caughtUp = 0;
    while (mount.state === 'returning') {
      const batch = [...missed].slice(0, GIVEN_AT_ONCE);
      if (batch.length === 0) {
        mount.admit();
        // At the start it was not away.
        if (mount.fencedAt === 0) return;
        this.options.onEvent({ type: 'returned', dir: mount.dir, caughtUp });
        return this.wake.abort();
      }
      // Only a complete mount can give it: the last that lived.
      if (this.mounts.live.length === 0) {
        await sleep(GIVE_AGAIN_MS);
        continue;
      }
      try {
        if (this.missedMore.has(mount)) caughtUp += await this.fill(mount);
        await Promise.all(
          batch.map(async ([name, key]) => {
            await this.give(mount, key);
            missed.delete(name);
            caughtUp++;
          }),
        );
      } catch (error) {
        // A mount that did not answer has its time, and may be fenced.
        if (!(error instanceof StoreUnavailableError)) this.reportFailure(error);
        await sleep(GIVE_AGAIN_MS);
      }
    }
  }

  /** Gives it all that the live mounts hold. */
  private async fill(mount: Mount): Promise<number> {
    let given = 0;
    for (const kind of KINDS) {
      for (let from: string | undefined = ''; from !== undefined;) {
        const { documents, next }: Page = await readPage(this.mounts.live, kind, from);
        await inBatches([...documents.keys()], GIVEN_AT_ONCE, (hash) => this.give(mount, { kind, hash }));
        given += documents.size;
        from = next;
      }
    }
    this.missedMore.delete(mount);
    return given;
  }

  private async give(mount: Mount, key: Key): Promise<void> {
    const document = joined(key.kind, await this.mounts.copies(key, true));
    try {
      if (document) await this.mounts.ensure(mount, key, document);
    } catch (error) {
      if (error instanceof MountError) mount.fence(error.message);
      throw error;
    }
  }

  private async repair(key: Key): Promise<void> {
    const copies = await this.mounts.copies(key, true);
    const document = joined(key.kind, copies);
    if (!document) return;
    for (const copy of copies) {
      if (copy.document && join(key.kind, copy.document, document) === copy.document) continue;
      this.repaired++;
      try {
        await this.mounts.ensure(copy.mount, key, document, copy);
      } catch (error) {
        this.mounts.failed(copy.mount, error);
      }
    }
  }

  private readonly reportFailure = (error: unknown) => {
    if (!this.closing.signal.aborted) this.options.onEvent({ type: 'failed', error });
  };
}

function nameOf({ kind, hash }: Key): string {
  return `${kind}/${hash}`;
}
