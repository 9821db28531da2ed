// Documents on one mount or on several that mirror each other: read together, written together, made alike again.
import { setTimeout as sleep } from 'node:timers/promises';
import { nextAttempt } from '../../core/attempts.js';
import { StoreUnavailableError } from '../../core/errors.js';
import { join, KINDS, type Documents, type Key, type Kind } from './documents.js';
import { inBatches } from './in-batches.js';
import { Mount, MountError } from './mount.js';
import { readPage, Sweeper, type Page } from './pages.js';
import type { Version } from './versioned-files.js';

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

/** A document as one mount holds it. */
interface Copy<K extends Kind> {
  readonly mount: Mount;
  readonly found?: Version;
  readonly document?: Documents[K];
}

/** Documents that a mount which comes back is given at once: requests have the mounts for the most part. */
const GIVEN_AT_ONCE = 4;
const GIVE_AGAIN_MS = 100;
const REPAIR_DELAY_MS = 200;
const MAX_MISSED = 100_000;
/** After a start, or when a mount was away, they are compared about so much later: one may lack more than is known. */
const COMPARE_SOON_MS = 20_000;

/**
 * A read asks every live mount and joins the answers; a write is done when every live mount has it, at least one. What
 * fails on a mount while another does it fences that mount. While it is away, it is noted what it misses, and it counts
 * again when it has been given that. So every live mount holds all that this server has acknowledged, and whichever is
 * the last to live is complete; when all were fenced, it is the one that begins.
 */
export class MirroredDocuments {
  readonly counts = { repaired: 0, damaged: 0, fenced: 0 };
  private readonly mounts: readonly Mount[];
  private readonly missed = new Map<Mount, Map<string, Key>>();
  /** Mounts that missed more than is remembered. */
  private readonly missedMore = new Set<Mount>();
  private readonly comingBack = new Set<Mount>();
  private readonly repairing = new Set<string>();
  private readonly closing = new AbortController();
  /** Has the mounts compared soon. */
  private wake = new AbortController();
  private readonly sweeper = new Sweeper();

  private constructor(private readonly options: MirrorOptions) {
    const { dirs, keys, deadlineMs, onEvent } = options;
    this.mounts = dirs.map((dir): Mount => {
      const mount: Mount = new Mount({
        dir,
        keys,
        deadlineMs,
        isLast: () => this.isLast(mount),
        onDamaged: (file) => {
          this.counts.damaged++;
          onEvent({ type: 'damaged', dir, file });
        },
        onFenced: (reason) => {
          this.counts.fenced++;
          onEvent({ type: 'fenced', dir, reason });
        },
        onReturning: () => void this.bringBack(mount),
      });
      this.missed.set(mount, new Map());
      return mount;
    });
  }

  /** @throws when no mount answers, or one holds another store. */
  static async open(options: MirrorOptions): Promise<MirroredDocuments> {
    if (options.dirs.length === 0) throw new TypeError('The file method needs at least one folder in dirs.');
    const mirror = new MirroredDocuments(options);
    const { mounts } = mirror;
    await Promise.all(mounts.map((mount) => mount.open()));
    const failures = mounts.flatMap(({ failure }) => failure ?? []);
    const identities = mounts.flatMap(({ identity }) => identity ?? []);
    let problem = failures.find((failure) => failure instanceof MountError && failure.foreign);
    if (failures.length === mounts.length) problem ??= failures[0];
    if (new Set(identities).size < identities.length) {
      problem ??= new TypeError(
        `Two of the folders ${options.dirs.join(', ')} are the same folder: list each mount once.`,
      );
    }
    if (problem) {
      mirror.close();
      throw problem;
    }
    if (mounts.length > 1) void mirror.compareForever();
    return mirror;
  }

  get states() {
    return this.mounts.map(({ dir, state, reason, pending }) => ({
      dir,
      state,
      pending,
      ...(state !== 'live' && { reason }),
    }));
  }

  /** Since when a mount is away that may hold what no other has; undefined when all are there. */
  get incompleteSince(): number | undefined {
    const away = this.mounts.filter(({ state }) => state !== 'live');
    return away.length === 0 ? undefined : Math.min(...away.map(({ fencedAt }) => fencedAt));
  }

  /** What all live mounts know together. `fresh` looks past caches. @throws StoreUnavailableError */
  async read<K extends Kind>(key: Key<K>, fresh = false): Promise<Documents[K] | undefined> {
    const copies = await this.copies(key, fresh);
    const document = joined(key.kind, copies);
    if (document && differ(copies)) this.repairSoon(key);
    return document;
  }

  /**
   * Compare-and-set: `change` gets the newest document and returns its successor, or undefined to leave it; it is
   * called again when somebody was faster. On several mounts two successors are merged instead.
   * Returns the document as it is then. @throws StoreUnavailableError; the change may then still have been made.
   */
  async change<K extends Kind>(
    key: Key<K>,
    change: (document: Documents[K] | undefined) => Documents[K] | undefined,
  ): Promise<Documents[K] | undefined> {
    for (let attempt = 0; ; attempt = await nextAttempt(attempt, tooMany)) {
      const copies = await this.copies(key, attempt > 0);
      const document = joined(key.kind, copies);
      const next = change(document);
      // A cached folder listing may be older than the document: to believe it here, or to count a user's epochs from the
      // beginning, would be an answer that nobody corrects. A new session needs no second look.
      if (document === undefined && attempt === 0 && (next === undefined || key.kind === 'users')) continue;
      if (next === undefined || next === document) {
        // What is acknowledged by this, such as a logout that somebody has begun, every mount must have.
        return document && differ(copies) ? this.writeAll(key, document, copies) : document;
      }
      if (this.mounts.length > 1) return this.writeAll(key, next, copies);
      const [{ mount, found }] = copies;
      if ((await mount.call('put', key, JSON.stringify(next), base(found))) === 'done') return next;
    }
  }

  /**
   * See `Sweeper`. Removes nothing while a mount is away, which might bring back what the others have forgotten.
   */
  async sweep(before: number, limit: number): Promise<number> {
    if (this.incompleteSince !== undefined) return 0;
    return this.sweeper.sweep(this.mounts, before, limit);
  }

  /** Makes all live mounts hold the same; returns how many documents differed. */
  async compare(): Promise<number> {
    let differing = 0;
    for (const kind of KINDS) {
      let from: string | undefined = '';
      while (from !== undefined && this.live.length > 1) {
        const { documents, next, mounts }: Page = await readPage(this.live, kind, from);
        for (const [hash, copies] of documents) {
          const digests = new Set(copies.map(([, { digest }]) => digest));
          if (digests.size === 1 && copies.length === mounts) continue;
          // What may be swept needs no repair.
          if (copies.every(([, { end }]) => end < Date.now())) continue;
          differing++;
          await this.repair({ kind, hash });
        }
        from = next;
      }
    }
    return differing;
  }

  close(): void {
    this.closing.abort();
    for (const mount of this.mounts) mount.close();
  }

  private get live(): Mount[] {
    return this.mounts.filter(({ state }) => state === 'live');
  }

  private isLast(mount: Mount): boolean {
    return mount.state === 'live' && this.live.length === 1;
  }

  private async copies<K extends Kind>(key: Key<K>, fresh: boolean): Promise<Copy<K>[]> {
    const copies = await Promise.all(
      this.live.map(async (mount): Promise<Copy<K>[]> => {
        try {
          return [copyOf(mount, await mount.call('read', key, fresh))];
        } catch (error) {
          this.failed(mount, error);
          return [];
        }
      }),
    );
    const answers = copies.flat();
    if (answers.length === 0) throw new StoreUnavailableError(this.complaint);
    return answers;
  }

  /** Until every mount that can be written has it. */
  private async writeAll<K extends Kind>(key: Key<K>, document: Documents[K], copies: Copy<K>[]) {
    const done = new Set<Mount>();
    let written = document;
    for (;;) {
      const targets = this.mounts.filter((mount) => mount.state !== 'fenced' && !done.has(mount));
      if (targets.length === 0) break;
      await Promise.all(
        targets.map(async (mount) => {
          try {
            const known = copies.find((copy) => copy.mount === mount);
            written = join(key.kind, written, await this.ensure(mount, key, document, known));
            done.add(mount);
          } catch (error) {
            this.failed(mount, error);
          }
        }),
      );
    }
    if (![...done].some(({ state }) => state === 'live')) throw new StoreUnavailableError(this.complaint);
    for (const mount of this.mounts) if (!done.has(mount)) this.note(mount, key);
    return written;
  }

  /** Makes the mount hold at least what this document tells. */
  private async ensure<K extends Kind>(
    mount: Mount,
    key: Key<K>,
    document: Documents[K],
    known?: Copy<K>,
  ): Promise<Documents[K]> {
    let copy = known ?? copyOf<K>(mount, await mount.call('read', key, false));
    for (let attempt = 0; ; attempt = await nextAttempt(attempt, tooMany)) {
      if (attempt > 0) copy = copyOf<K>(mount, await mount.call('read', key, true));
      const wanted = copy.document ? join(key.kind, copy.document, document) : document;
      if (wanted === copy.document) return wanted;
      if ((await mount.call('put', key, JSON.stringify(wanted), base(copy.found))) === 'done') return wanted;
    }
  }

  /** A mount that fails is left out, if another is there to go on with. @throws the error otherwise. */
  private failed(mount: Mount, error: unknown): void {
    if (!(error instanceof MountError)) throw error;
    if (this.isLast(mount)) throw error;
    mount.fence(error.message);
  }

  private note(mount: Mount, key: Key): void {
    const missed = this.missed.get(mount)!;
    if (missed.size < (this.options.maxMissed ?? MAX_MISSED)) missed.set(nameOf(key), key);
    else this.missedMore.add(mount);
  }

  /** Gives a mount that answers again what it missed, then lets it count. Goes on when it was fenced in the midst of it. */
  private async bringBack(mount: Mount): Promise<void> {
    if (this.comingBack.has(mount)) return;
    this.comingBack.add(mount);
    try {
      await this.catchUp(mount);
    } finally {
      this.comingBack.delete(mount);
    }
  }

  private async catchUp(mount: Mount): Promise<void> {
    const missed = this.missed.get(mount)!;
    let caughtUp = 0;
    while (mount.state === 'returning') {
      const batch = [...missed].slice(0, GIVEN_AT_ONCE);
      if (batch.length === 0) {
        mount.admit();
        if (mount.fencedAt === 0) return;
        this.options.onEvent({ type: 'returned', dir: mount.dir, caughtUp });
        this.wake.abort();
        return;
      }
      // Only a complete mount can give it: the last that lived.
      if (this.live.length === 0) {
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
        // Whoever did not answer is to have its time, and may be fenced.
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
        const { documents, next }: Page = await readPage(this.live, kind, from);
        await inBatches([...documents.keys()], GIVEN_AT_ONCE, (hash) => this.give(mount, { kind, hash }));
        given += documents.size;
        from = next;
      }
    }
    this.missedMore.delete(mount);
    return given;
  }

  private async give(mount: Mount, key: Key): Promise<void> {
    const document = joined(key.kind, await this.copies(key, true));
    try {
      if (document) await this.ensure(mount, key, document);
    } catch (error) {
      if (error instanceof MountError) mount.fence(error.message);
      throw error;
    }
  }

  private repairSoon(key: Key): void {
    const name = nameOf(key);
    if (this.repairing.has(name)) return;
    this.repairing.add(name);
    // A write that is under way needs no help.
    void sleep(REPAIR_DELAY_MS, undefined, { ref: false, signal: this.closing.signal })
      .then(() => this.repair(key))
      .catch(this.reportFailure)
      .finally(() => this.repairing.delete(name));
  }

  private async repair(key: Key): Promise<void> {
    const copies = await this.copies(key, true);
    const document = joined(key.kind, copies);
    if (!document) return;
    for (const copy of copies) {
      if (copy.document && join(key.kind, copy.document, document) === copy.document) continue;
      this.counts.repaired++;
      try {
        await this.ensure(copy.mount, key, document, copy);
      } catch (error) {
        this.failed(copy.mount, error);
      }
    }
  }

  private async compareForever(): Promise<void> {
    const { signal } = this.closing;
    const { compareMs, compareSoonMs = COMPARE_SOON_MS } = this.options;
    const pause = (ms: number, until: AbortSignal) =>
      // Not all servers at once.
      sleep(ms * (0.5 + Math.random()), undefined, { ref: false, signal: until }).catch(() => undefined);
    // Soon at first: what a mount has missed was known to servers that may have been restarted since.
    this.wake.abort();
    while (!signal.aborted) {
      const woken = AbortSignal.any([signal, this.wake.signal]);
      await pause(compareMs, woken);
      if (woken.aborted) await pause(Math.min(compareSoonMs, compareMs), signal);
      this.wake = new AbortController();
      if (!signal.aborted) await this.compare().catch(this.reportFailure);
    }
  }

  private get complaint(): string {
    return `No mount can answer: ${this.mounts.map(({ dir, state, reason }) => `${dir} is ${state} (${reason})`).join('; ')}.`;
  }

  private readonly reportFailure = (error: unknown) => {
    if (!this.closing.signal.aborted) this.options.onEvent({ type: 'failed', error });
  };
}

function copyOf<K extends Kind>(mount: Mount, found: Version | undefined): Copy<K> {
  return found ? { mount, found, document: JSON.parse(found.body) as Documents[K] } : { mount };
}

function joined<K extends Kind>(kind: K, copies: readonly Copy<K>[]): Documents[K] | undefined {
  let all: Documents[K] | undefined;
  for (const { document } of copies) if (document) all = all ? join(kind, all, document) : document;
  return all;
}

function differ(copies: readonly Copy<Kind>[]): boolean {
  return copies.some(({ found }) => found?.body !== copies[0].found?.body);
}

/** What a writer says of the version that it follows. */
function base(found: Version | undefined): Omit<Version, 'body'> | undefined {
  return found && { version: found.version, sum: found.sum };
}

function tooMany(): Error {
  return new StoreUnavailableError('Too many servers changed the same file at the same time: try again.');
}

function nameOf({ kind, hash }: Key): string {
  return `${kind}/${hash}`;
}
