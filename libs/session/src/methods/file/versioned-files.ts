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
// 4. Until that is settled the file has two names, the temporary one as well. So whoever opens a file of several names
//    lists once more past the cache, and takes it only where nothing is higher: beside what a sleeper has made anew
//    something is. (SSHFS does not tell the number: there it may be seen, for the milliseconds until it is taken back.)
// 5. A writer killed before the link leaves a temporary file, which the sweep removes by age. One killed after it
//    leaves several versions: the highest is the document, as complete as if it had been acknowledged, and the next
//    writer removes the others. There is nothing to recover, so nobody waits, and two servers cannot get into each
//    other's way.
import { createHash, randomBytes } from 'node:crypto';
import { constants, link, mkdir, open, readFile, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join as path } from 'node:path';
import { digestOf, endOf, KINDS, type Documents, type Key, type Kind } from './documents.js';
import type { Seal } from './sealed-file.js';

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
const IDENTITY = 'store.json';
const TEMPORARY = 'temporary';
const DAMAGED = 'damaged';
/** Files that are there for a moment; a scan removes those of killed processes. */
const REFRESH = 'refresh.';
/** How often something that others move away meanwhile is looked for anew. */
const ATTEMPTS = 20;
/** One page of a scan takes about this long, however many folders are empty. */
const SCAN_MS = 50;
const LEFT_BEHIND_MS = 3_600_000;

/** The folder is not the store that it must be. */
export class ForeignStoreError extends Error {}

export class VersionedFiles {
  private readonly writer = `${hostname().replaceAll(/[^\w-]/g, '_')}.${process.pid}.${randomBytes(4).toString('hex')}`;
  private count = 0;

  /** @param report is told of each file that was moved aside */
  constructor(
    private readonly root: string,
    private readonly seal: Seal,
    private readonly report: (file: string) => void,
  ) {}

  /**
   * Makes the folders and gives the store's identity. The folder itself must exist: an unmounted one must not be made.
   * @throws when the folder holds another store than `expected`, or one of other secrets.
   */
  async open(expected?: string): Promise<string> {
    await stat(this.root);
    let bytes = await ifThere(readFile(path(this.root, IDENTITY)));
    if (!bytes && expected !== undefined)
      throw new ForeignStoreError(`${this.root} no longer holds the session store: check that it is mounted.`);
    for (const folder of [...KINDS, TEMPORARY, DAMAGED]) {
      await mkdir(path(this.root, folder), { recursive: true, mode: 0o700 });
    }
    if (!bytes) {
      const made = this.seal.close(IDENTITY, randomBytes(16).toString('hex'));
      // Another server may be faster: then theirs counts.
      const failure = await this.writeTemporary(made, (temporary) => this.name(temporary, path(this.root, IDENTITY)));
      bytes = await ifThere(readFile(path(this.root, IDENTITY)));
      if (!bytes) throw failure!;
    }
    const identity = this.seal.open(IDENTITY, bytes);
    if (identity === undefined) {
      throw new ForeignStoreError(
        `${this.root} is a session store with other secrets, or its file ${IDENTITY} is damaged: check the secrets.`,
      );
    }
    if (expected !== undefined && identity !== expected)
      throw new ForeignStoreError(`${this.root} holds another session store than before: check what is mounted there.`);
    // Follows the rotation of the secrets, so that it can be opened when the old one is dropped.
    if (!this.seal.isCurrent(IDENTITY, bytes)) {
      const renewed = this.seal.close(IDENTITY, identity);
      await this.writeTemporary(renewed, (temporary) => rename(temporary, path(this.root, IDENTITY)));
    }
    return identity;
  }

  /** Fails when the mount cannot be written and read. */
  async probe(): Promise<void> {
    await this.writeTemporary(Buffer.from('probe'), (temporary) => readFile(temporary));
  }

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
      // An empty folder under a mount point must not look like a store where nobody has a session.
      await stat(path(this.root, IDENTITY));
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
        // Whatever the answer was, the name tells.
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

  /** Removes what writers that were killed have left. */
  async tidy(): Promise<void> {
    const folder = path(this.root, TEMPORARY);
    for (const name of await readdir(folder)) {
      const { mtimeMs } = (await ifThere(stat(path(folder, name)))) ?? { mtimeMs: Infinity };
      if (mtimeMs < Date.now() - LEFT_BEHIND_MS) await ifThere(unlink(path(folder, name)));
    }
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
    return versionsIn((await ifThere(readdir(this.folder(key)))) ?? []).get(key.hash) ?? [];
  }

  /**
   * Upward, as they are now: a change of ours in the folder has caches drop their listing. Some keep one that was
   * under way meanwhile, so the listing must show that change.
   */
  private async versionsNow(key: Key): Promise<number[]> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const name = `${REFRESH}${this.writer}.${++this.count}`;
      const file = await ifThere(open(path(this.folder(key), name), 'wx', 0o600));
      if (!file) return [];
      await file.close();
      const names = await readdir(this.folder(key));
      await ifThere(unlink(path(this.folder(key), name)));
      if (names.includes(name)) return versionsIn(names).get(key.hash) ?? [];
    }
    throw new Error(
      `A new file was not listed in its folder after ${ATTEMPTS} attempts: check how the mount caches folders.`,
    );
  }

  private async holds(file: string, sum: string): Promise<boolean> {
    const there = await ifThere(readOnly(file));
    return there !== undefined && sumOf(there.bytes) === sum;
  }

  /** Gives the file its name, unless the name is taken; returns what went wrong. */
  private async name(temporary: string, target: string): Promise<NodeJS.ErrnoException | undefined> {
    for (let attempt = 0; ; attempt++) {
      try {
        await link(temporary, target);
        return undefined;
      } catch (error) {
        const failure = error as NodeJS.ErrnoException;
        if (attempt > 0 || failure.code !== 'ENOENT') return failure;
        const folder = path(target, '..');
        await mkdir(folder, { recursive: true, mode: 0o700 });
        await this.flushFolder(path(folder, '..'));
      }
    }
  }

  /** Writes and flushes a file under a name that no other writer uses, lets `use` use it, and removes the name. */
  private async writeTemporary<T>(bytes: Buffer, use: (temporary: string) => Promise<T>): Promise<T> {
    const temporary = path(this.root, TEMPORARY, `${this.writer}.${++this.count}`);
    try {
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      return await use(temporary);
    } finally {
      await rm(temporary, { force: true });
    }
  }

  /** What is not ours is kept for inspection, and with it the lower versions, which must not come back in its place. */
  private async moveAside(key: Key, versions: readonly number[]): Promise<void> {
    for (const version of versions) {
      const kept = path(this.root, DAMAGED, `${key.kind}.${key.hash}.${version}.${Date.now()}.${this.writer}`);
      await ifThere(rename(this.file(key, version), kept));
      this.report(kept);
    }
  }

  private async flushFolder(folder: string): Promise<void> {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } catch (error) {
      // Some file systems cannot flush a folder; those write names at once.
      if (!['EINVAL', 'ENOSYS', 'EPERM', 'ENOTSUP'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    } finally {
      await handle.close();
    }
  }

  private folder({ kind, hash }: Key): string {
    return path(this.root, kind, hash.slice(0, 3));
  }

  private file(key: Key, version: number): string {
    return path(this.folder(key), `${key.hash}.${version}`);
  }
}

/** A file and how many names it has; empty for what is no file: a pipe must not keep us waiting, nor a link lead elsewhere. */
async function readOnly(file: string): Promise<{ bytes: Buffer; names: number }> {
  try {
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    try {
      const { nlink } = await handle.stat();
      return { bytes: await handle.readFile(), names: nlink };
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!['EISDIR', 'ELOOP', 'ENXIO'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    return { bytes: Buffer.alloc(0), names: 1 };
  }
}

/** Undefined when the file is not there; a handle that went stale is the same: another server removed the file. */
async function ifThere<T>(operation: Promise<T>): Promise<T | undefined> {
  try {
    return await operation;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESTALE') return undefined;
    throw error;
  }
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
