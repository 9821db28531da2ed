// A walk through all documents of several mounts at once, a page at a time, and the sweep that goes on such a walk.
import { StoreUnavailableError } from '../../core/errors.js';
import { KINDS, type Kind } from './documents.js';
import type { Mount } from './mount.js';
import type { Scanned } from './versioned-files.js';

/** The next documents in the order of their hashes, with each mount's copy. */
export interface Page {
  readonly documents: ReadonlyMap<string, readonly (readonly [Mount, Scanned])[]>;
  /** Where the next page begins; undefined after the last. */
  readonly next: string | undefined;
  /** How many mounts were asked. */
  readonly mounts: number;
}

const PAGE = 50;
/** One call of a sweep works about this long. */
const SWEEP_MS = 2000;

/** @throws StoreUnavailableError when one of the mounts cannot answer, or there is none. */
export async function readPage(mounts: readonly Mount[], kind: Kind, from: string): Promise<Page> {
  if (mounts.length === 0) throw new StoreUnavailableError('No mount is live, so no session can be read.');
  const pages = await Promise.all(mounts.map((mount) => mount.call('scan', kind, from, PAGE)));
  // As far as each has told.
  const next = pages
    .flatMap((page) => page.next ?? [])
    .sort()
    .at(0);
  const documents = new Map<string, (readonly [Mount, Scanned])[]>();
  for (const [i, page] of pages.entries()) {
    for (const scanned of page.documents) {
      if (next !== undefined && scanned.hash >= next) break;
      documents.set(scanned.hash, [...(documents.get(scanned.hash) ?? []), [mounts[i], scanned]]);
    }
  }
  return { documents: new Map([...documents].sort(([a], [b]) => (a < b ? -1 : 1))), next, mounts: mounts.length };
}

/** Removes documents that ended long ago, in bounded steps. */
export class Sweeper {
  private kind: Kind = KINDS[0];
  private from = '';

  /**
   * Removes what ended before `before` on all these mounts, at most `limit` documents; returns how many. Goes on where
   * the last call stopped, and stops when it has been through all or has worked for long enough.
   */
  async sweep(mounts: readonly Mount[], before: number, limit: number): Promise<number> {
    const until = Date.now() + SWEEP_MS;
    let removed = 0;
    // Once round, and the part before the start.
    let ends = this.from === '' ? KINDS.length : KINDS.length + 1;
    while (ends > 0 && Date.now() < until) {
      const { kind } = this;
      const { documents, next } = await readPage(mounts, kind, this.from);
      for (const [hash, copies] of documents) {
        // `g` comes after every digit: the next document.
        this.from = `${hash}g`;
        if (copies.some(([, { end }]) => end >= before)) continue;
        await Promise.all(copies.map(([mount]) => mount.call('remove', { kind, hash }, before)));
        if (++removed >= limit) return removed;
      }
      this.from = next ?? '';
      if (next !== undefined) continue;
      ends--;
      this.kind = KINDS[(KINDS.indexOf(kind) + 1) % KINDS.length];
      if (this.kind === KINDS[0]) await Promise.all(mounts.map((mount) => mount.call('tidy')));
    }
    return removed;
  }
}
