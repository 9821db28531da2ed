// Documents in one folder, changed by compare-and-set: runs in the helper process of the folder's mount.
//
// A document is one file, `kind/abc/<hash>.<version>`, and never changes: a change is the next version's file, and the
// file of the highest version is the document. Why this is a compare-and-set, on NFS too, with nobody holding a lock:
//
// 1. A version is written under a temporary name, flushed, and given its name by link(2), which does nothing when the
//    name exists. So a name appears with its whole contents or not at all, and one writer of a version wins. NFS may
//    lose link's answer and report that the name exists, and some file systems have no word for it: therefore the
//    name's contents decide who has won, not the answer.
// 2. The winner removes the versions below its own, and only then is the write acknowledged. So a directory listing
//    from a stale cache can lead nobody to an overwritten version: opening a file by name asks the file server
//    (close-to-open consistency), the file is not there, and the reader lists again, past the cache. Nor is "there is
//    no document" believed of such a listing.
// 3. The highest version is removed by nobody but the sweep, and only of what is over. So when a writer has linked n+1,
//    and then a listing past the cache shows nothing higher and the very n that it has read is still in place, no n+1
//    was there before: it has won. Otherwise it may have slept while others went further, and removed what it then made
//    anew (1 too, where it had read that there was none): it takes its file back and says `lost`; the caller reads
//    again and finds whether its write is in the document.
// 4. Until that is settled the file has two names, the temporary one as well. So a reader that opens a file of several
//    names lists once more past the cache, and takes the file only where nothing is higher: beside a file that a
//    sleeper has made anew something is higher. (SSHFS does not tell the number: there the file may be seen, for the
//    milliseconds until it is taken back.)
// 5. A writer killed before the link leaves a temporary file, which the sweep removes by age. One killed after it
//    leaves several versions: the highest is the document, as complete as if it had been acknowledged, and the next
//    writer removes the others. There is nothing to recover, so nobody waits, and two servers cannot get into each
//    other's way.
import { createHash } from 'node:crypto';
import { open, readdir, rename, unlink } from 'node:fs/promises';
import { join as path } from 'node:path';
import { digestOf, endOf, type Documents, type Key, type Kind } from './documents.js';
import { DAMAGED, ifThere, readOnly, StoreFolder } from './store-folder.js';

/** A document as it was read. */
export interface Version {
  readonly version: number;
  /** SHA-256 of the file. */
  readonly sum: string;
  readonly body: string;
}

/** What a scan tells of a document. */
export interface Scanned {
  readonly hash: string;
  readonly digest: string;
  /** See `endOf`. */
  readonly end: number;
}

export interface ScanPage {
  readonly documents: readonly Scanned[];
  /** Where the next page begins; missing on the last one. */
  readonly next?: string;
}

const NAME = /^([0-9a-f]{64})\.([1-9]\d{0,14})$/;
const FOLDER = /^[0-9a-f]{3}$/;
/** Files that are there for a moment; a scan removes those of killed processes. */
const REFRESH = 'refresh.';
/** How often something that others move away meanwhile is looked for anew. */
const ATTEMPTS = 20;
/** One page of a scan takes about this long, however many folders are empty. */
const SCAN_MS = 50;

export class VersionedFiles extends StoreFolder {
  /**
   * The document, or undefined when there is none. `fresh` looks past caches of the folder's listing; without it, what
   * another server made a moment ago may be missing, but nothing that is older than what is there is read.
   */
  async read(key: Key, fresh: boolean): Promise<Version | undefined> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const versions = await (fresh || attempt > 0 ? this.versionsNow(key) : this.versionsOf(key));
      if (versions.length > 0) {
        const found = await this.load(key, versions);
        if (found !== 'gone') return found;
        continue;
      }
      await this.assertThere();
      return undefined;
    }
    throw new Error(`A document changed during each of ${ATTEMPTS} attempts to read it: try again.`);
  }

  /** Adds the next version: after `base`, or as the first. `lost` means that the document must be read again. */
  async put(key: Key, body: string, base?: Omit<Version, 'body'>): Promise<'done' | 'lost'> {
    const version = (base?.version ?? 0) + 1;
    const target = this.file(key, version);
    const bytes = this.seal.close(nameOf(key, version), body);
    return this.writeTemporary(bytes, async (temporary) => {
      const failure = await this.name(temporary, target);
      if (failure) {
        // The contents under the name decide, not the answer.
        const there = await ifThere(readOnly(target));
        if (!there && failure.code !== 'EEXIST') throw failure;
        if (!there?.bytes.equals(bytes)) return 'lost';
      }
      const versions = await this.versionsNow(key);
      const isOvertaken = versions.some((each) => each > version);
      if (isOvertaken || (base && !(await this.holds(this.file(key, base.version), base.sum)))) {
        await ifThere(unlink(target));
        return 'lost';
      }
      for (const old of versions) if (old < version) await ifThere(unlink(this.file(key, old)));
      await this.flushFolder(this.folder(key));
      return 'done';
    });
  }

  /** Removes a document for good, if it ended before `before` also as it is now; see `endOf`. */
  async remove(key: Key, before: number): Promise<void> {
    const found = await this.read(key, true);
    if (!found || endOf(key.kind, JSON.parse(found.body) as Documents[Kind]) >= before) return;
    // A writer that goes on from it meanwhile does not find it in place any more, and takes its own file back.
    for (const old of await this.versionsOf(key)) if (old <= found.version) await ifThere(unlink(this.file(key, old)));
  }

  /** All documents in the order of their hashes, a page of at most `limit` at a time. */
  async scan(kind: Kind, from: string, limit: number): Promise<ScanPage> {
    const until = Date.now() + SCAN_MS;
    const documents: Scanned[] = [];
    const folders = (await readdir(path(this.root, kind))).filter((name) => FOLDER.test(name)).sort();
    for (const folder of folders.filter((name) => name >= from.slice(0, 3))) {
      const names = await readdir(path(this.root, kind, folder));
      for (const name of names.filter((name) => name.startsWith(REFRESH))) {
        await ifThere(unlink(path(this.root, kind, folder, name)));
      }
      for (const [hash, versions] of [...versionsIn(names)].sort(([a], [b]) => (a < b ? -1 : 1))) {
        if (hash < from) continue;
        if (documents.length >= limit || Date.now() > until) return { documents, next: hash };
        let found = await this.load({ kind, hash }, versions);
        if (found === 'gone') found = await this.read({ kind, hash }, true);
        if (!found) continue;
        const document = JSON.parse(found.body) as Documents[Kind];
        documents.push({ hash, digest: digestOf(kind, document), end: endOf(kind, document) });
      }
      // `g` comes after every digit: this folder is done.
      if (Date.now() > until) return { documents, next: `${folder}g` };
    }
    return { documents };
  }

  /** The highest of these versions; undefined when it is not ours, `gone` when it must be looked for past the cache. */
  private async load(key: Key, versions: readonly number[]): Promise<Version | undefined | 'gone'> {
    const version = versions.at(-1)!;
    const file = await ifThere(readOnly(this.file(key, version)));
    if (!file || (file.names > 1 && (await this.versionsNow(key)).at(-1) !== version)) return 'gone';
    const body = this.seal.open(nameOf(key, version), file.bytes);
    if (body !== undefined) return { version, sum: sumOf(file.bytes), body };
    await this.moveAside(key, versions);
    return undefined;
  }

  /** Upward; from a cache, perhaps. */
  private async versionsOf(key: Key): Promise<number[]> {
    return versionsOf((await ifThere(readdir(this.folder(key)))) ?? [], key);
  }

  /**
   * Upward, as they are now: a change of ours in the folder has caches drop their listing. Some keep one that was
   * under way meanwhile, so the listing must show that change.
   */
  private async versionsNow(key: Key): Promise<number[]> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const name = `${REFRESH}${this.uniqueName()}`;
      const file = await ifThere(open(path(this.folder(key), name), 'wx', 0o600));
      if (!file) return [];
      await file.close();
      const names = await readdir(this.folder(key));
      await ifThere(unlink(path(this.folder(key), name)));
      if (names.includes(name)) return versionsOf(names, key);
    }
    throw new Error(
      `A new file was not listed in its folder after ${ATTEMPTS} attempts: check how the mount caches folders.`,
    );
  }

  private async holds(file: string, sum: string): Promise<boolean> {
    const there = await ifThere(readOnly(file));
    return there !== undefined && sumOf(there.bytes) === sum;
  }

  /** A file that we did not write is kept for inspection, with the lower versions: those must not come back instead. */
  private async moveAside(key: Key, versions: readonly number[]): Promise<void> {
    for (const version of versions) {
      const kept = path(this.root, DAMAGED, `${key.kind}.${key.hash}.${version}.${Date.now()}.${this.uniqueName()}`);
      await ifThere(rename(this.file(key, version), kept));
      this.report(kept);
    }
  }

  private folder({ kind, hash }: Key): string {
    return path(this.root, kind, hash.slice(0, 3));
  }

  private file(key: Key, version: number): string {
    return path(this.folder(key), `${key.hash}.${version}`);
  }
}

/** Upward; the names of hundreds of others, in a store of a million documents, cost little. */
function versionsOf(names: readonly string[], { hash }: Key): number[] {
  return versionsIn(names.filter((name) => name.startsWith(hash))).get(hash) ?? [];
}

/** The versions of each document in a folder, upward; other names are not ours. */
function versionsIn(names: readonly string[]): Map<string, number[]> {
  const versions = new Map<string, number[]>();
  for (const name of names) {
    const [, hash, version] = NAME.exec(name) ?? [];
    if (hash) versions.set(hash, [...(versions.get(hash) ?? []), Number(version)]);
  }
  for (const list of versions.values()) list.sort((a, b) => a - b);
  return versions;
}

function nameOf({ kind, hash }: Key, version: number): string {
  return `${kind}/${hash}.${version}`;
}

function sumOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('base64url');
}
