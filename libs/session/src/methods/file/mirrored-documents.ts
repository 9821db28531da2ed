// Documents on one mount or on several that mirror each other: read together and written together.
import { nextAttempt } from '../../core/attempts.js';
import { join, type Documents, type Key, type Kind } from './documents.js';
import { MirrorRepair } from './mirror-repair.js';
import type { Mount } from './mount.js';
import { differ, joined, Mounts, putAfter, tooMany, type Copy } from './mounts.js';
import { Sweeper } from './pages.js';

/** What the file method tells an operator; none of it carries a session's content. */
export type FileStoreEvent =
  /** A mount does not answer, or cannot take a write: it is left out until it can. */
  | { readonly type: 'fenced'; readonly dir: string; readonly reason: string }
  /** It holds what it missed and counts again. */
  | { readonly type: 'returned'; readonly dir: string; readonly caughtUp: number }
  /** A file that we did not write was moved aside; its name there. */
  | { readonly type: 'damaged'; readonly dir: string; readonly file: string }
  /** Work in the background failed; it will be tried again. */
  | { readonly type: 'failed'; readonly error: unknown };

export interface MirrorOptions {
  /** One folder per mount. */
  readonly dirs: readonly string[];
  /** See `sealKeys`. */
  readonly keys: readonly string[];
  readonly deadlineMs: number;
  /** The mounts are compared as a whole this often. Milliseconds. */
  readonly compareMs: number;
  /** As soon after a start, or a mount's return. Milliseconds. */
  readonly compareSoonMs?: number;
  /** So much is remembered of what a mount missed; when it was more, it is given everything. */
  readonly maxMissed?: number;
  readonly onEvent: (event: FileStoreEvent) => void;
}

/**
 * A read asks every live mount and joins the answers; a write is done when every live mount has it, at least one. An
 * operation that fails on one mount and not on another fences the first. The server notes what a fenced mount misses;
 * the mount counts again when it has been given that. So every live mount holds all that this server has acknowledged,
 * and the last one that lived is complete; when all were fenced, it is the one that begins.
 */
export class MirroredDocuments {
  private readonly mounts: Mounts;
  private readonly repair: MirrorRepair;
  private readonly sweeper = new Sweeper();

  private constructor(options: MirrorOptions) {
    this.mounts = new Mounts(options, (mount) => void this.repair.bringBack(mount));
    this.repair = new MirrorRepair(this.mounts, options);
  }

  /** @throws when no mount answers, or one holds another store. */
  static async open(options: MirrorOptions): Promise<MirroredDocuments> {
    const mirror = new MirroredDocuments(options);
    try {
      await mirror.mounts.open();
    } catch (error) {
      mirror.close();
      throw error;
    }
    if (options.dirs.length > 1) void mirror.repair.compareForever();
    return mirror;
  }

  /** A snapshot, for metrics. */
  stats() {
    const mounts = this.mounts.all.map(({ dir, state, reason }) => ({
      dir,
      state,
      ...(state !== 'live' && { reason }),
    }));
    return { mounts, ...this.mounts.counts, repaired: this.repair.repaired };
  }

  /** See `Mounts`. */
  get incompleteSince(): number | undefined {
    return this.mounts.incompleteSince;
  }

  /** What all live mounts know together. `fresh` looks past caches. @throws StoreUnavailableError */
  async read<K extends Kind>(key: Key<K>, fresh = false): Promise<Documents[K] | undefined> {
    const copies = await this.mounts.copies(key, fresh);
    const document = joined(key.kind, copies);
    if (document && differ(copies)) this.repair.repairSoon(key);
    return document;
  }

  /**
   * Compare-and-set: `change` gets the newest document and returns its successor, or undefined to leave it; it is
   * called again when another server was faster. On several mounts two successors are merged instead.
   * Returns the document as it is then. @throws StoreUnavailableError; the change may then still have been made.
   */
  async change<K extends Kind>(
    key: Key<K>,
    change: (document: Documents[K] | undefined) => Documents[K] | undefined,
  ): Promise<Documents[K] | undefined> {
    for (let attempt = 0; ; attempt = await nextAttempt(attempt, tooMany)) {
      const copies = await this.mounts.copies(key, attempt > 0);
      const document = joined(key.kind, copies);
      const next = change(document);
      // A cached folder listing may be older than the document. No later read would correct an answer that believes it
      // here, or that counts a user's epochs from the beginning. A new session needs no second read.
      if (document === undefined && attempt === 0 && (next === undefined || key.kind === 'users')) continue;
      if (next === undefined || next === document) {
        // This acknowledges the document, such as a sign-out that another request has begun: every mount must have it.
        return document && differ(copies) ? this.writeAll(key, document, copies) : document;
      }
      if (this.mounts.all.length > 1) return this.writeAll(key, next, copies);
      if (await putAfter(copies[0], key, next)) return next;
    }
  }

  /** See `Sweeper`. Removes nothing while a mount is away, which might bring back what the others have forgotten. */
  async sweep(before: number, limit: number): Promise<number> {
    return this.incompleteSince === undefined ? this.sweeper.sweep(this.mounts.all, before, limit) : 0;
  }

  /** Makes all live mounts hold the same; returns how many documents differed. */
  compare(): Promise<number> {
    return this.repair.compare();
  }

  close(): void {
    this.repair.close();
    this.mounts.close();
  }

  /** Until every mount that can be written has it. */
  private async writeAll<K extends Kind>(key: Key<K>, document: Documents[K], copies: Copy<K>[]) {
    const { mounts } = this;
    const done = new Set<Mount>();
    let written = document;
    for (;;) {
      const targets = mounts.all.filter((mount) => mount.state !== 'fenced' && !done.has(mount));
      if (targets.length === 0) break;
      await Promise.all(
        targets.map(async (mount) => {
          try {
            const known = copies.find((copy) => copy.mount === mount);
            written = join(key.kind, written, await mounts.ensure(mount, key, document, known));
            done.add(mount);
          } catch (error) {
            mounts.failed(mount, error);
          }
        }),
      );
    }
    if (![...done].some(({ state }) => state === 'live')) throw mounts.unavailable();
    for (const mount of mounts.all) if (!done.has(mount)) this.repair.note(mount, key);
    return written;
  }
}
