// Documents in one folder, changed by compare-and-set: runs in the helper process of the folder's mount.
//
// A document is one file, `kind/abc/<hash>.<version>`, and never changes: a change is the next version's file, and the
// file of the highest version is the document. Why this is a compare-and-set, on NFS too, with nobody holding a lock:
//
// 1. A version is written under a temporary name, flushed, and given its name by link(2), which does nothing when the
//    name exists. So a name appears with its whole contents or not at all, and one writer of a version wins. NFS may
//    lose link's answer and report that the name exists, and some file systems have no word for it: therefore the
//    name's contents decide who has won, not the answer.
// 2. The winner removes the version before its own, and only then is the write acknowledged. So a directory listing
//    from a stale cache can lead nobody to an overwritten version: opening a file by name asks the file server
//    (close-to-open consistency), the file is not there, and the reader lists again, past the cache.
// 3. Versions are removed upward only. So when a writer has linked n+1 and finds the very n that it has read still in
//    place, no n+1 was there before: it has won. When n is gone or another, it may have slept while others went
//    further, and removed what it then made anew: it takes its file back unless that is the highest, and says `lost`;
//    the caller reads again and finds whether its write is in the document.
// 4. A writer killed before the link leaves a temporary file, which the sweep removes by age. One killed after it
//    leaves two versions: the higher is the document, as complete as if it had been acknowledged, and the next writer
//    removes both. There is nothing to recover, so nobody waits, and two servers cannot get into each other's way.
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
  /** Lower versions that a writer left behind. */
  readonly older: readonly number[];
}

/** What a scan tells of a document. */
export interface Scanned {
  readonly hash: string;
  readonly version: number;
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
      throw new ForeignStoreError(`${this.root} no longer holds the session store: unmounted?`);
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
      throw new ForeignStoreError(`${this.root} is a session store of other secrets, or its ${IDENTITY} is damaged.`);
    }
    if (expected !== undefined && identity !== expected)
      throw new ForeignStoreError(`${this.root} holds another session store.`);
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

  /** The document, or undefined when there is none. `fresh` looks past caches of the folder's listing. */
  async read(key: Key, fresh: boolean): Promise<Version | undefined> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (fresh || attempt > 0) await this.refresh(key);
      const versions = await this.versionsOf(key);
      if (versions.length > 0) {
        const found = await this.load(key, versions);
        if (found !== 'gone') return found;
        continue;
      }
      // An empty folder under a mount point must not look like a store where nobody has a session.
      await stat(path(this.root, IDENTITY));
      return undefined;
    }
    throw new Error('A document was changed each time that it was read.');
  }

  /** Adds the next version: after `base`, or as the first. `lost` means that the document must be read again. */
  async put(key: Key, body: string, base?: Omit<Version, 'body'>): Promise<'done' | 'lost'> {
    const version = (base?.version ?? 0) + 1;
    const target = this.file(key, version);
    const bytes = this.seal.close(nameOf(key, version), body);
    const won = await this.writeTemporary(bytes, async (temporary) => {
      const failure = await this.name(temporary, target);
      if (!failure) return true;
      // Whatever the answer was, the name tells.
      const there = await ifThere(readOnly(target));
      if (!there && failure.code !== 'EEXIST') throw failure;
      return there?.equals(bytes) ?? false;
    });
    if (!won) return 'lost';
    if (base && !(await this.holds(this.file(key, base.version), base.sum))) {
      const highest = (await this.versionsOf(key)).at(-1);
      if (highest !== undefined && highest > version) await ifThere(unlink(target));
      return 'lost';
    }
    if (base) for (const old of [...base.older, base.version]) await ifThere(unlink(this.file(key, old)));
    await this.flushFolder(this.folder(key));
    return 'done';
  }

  /** Removes a document for good, unless it has gone further than `version`. */
  async remove(key: Key, version: number): Promise<void> {
    for (const old of await this.versionsOf(key)) if (old <= version) await ifThere(unlink(this.file(key, old)));
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
        const { version } = found;
        documents.push({ hash, version, digest: digestOf(kind, document), end: endOf(kind, document) });
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

  /** The highest of these versions; undefined when it is not ours, `gone` when a writer was faster. */
  private async load(key: Key, versions: readonly number[]): Promise<Version | undefined | 'gone'> {
    const version = versions.at(-1)!;
    const bytes = await ifThere(readOnly(this.file(key, version)));
    if (!bytes) return 'gone';
    const body = this.seal.open(nameOf(key, version), bytes);
    if (body !== undefined) return { version, sum: sumOf(bytes), body, older: versions.slice(0, -1) };
    await this.moveAside(key, versions);
    return undefined;
  }

  /** Upward. */
  private async versionsOf(key: Key): Promise<number[]> {
    return versionsIn((await ifThere(readdir(this.folder(key)))) ?? []).get(key.hash) ?? [];
  }

  private async holds(file: string, sum: string): Promise<boolean> {
    const bytes = await ifThere(readOnly(file));
    return bytes !== undefined && sumOf(bytes) === sum;
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

  /** Makes a change in the folder, so that this machine's cached listing of it is thrown away. */
  private async refresh(key: Key): Promise<void> {
    const name = path(this.folder(key), `${REFRESH}${this.writer}.${++this.count}`);
    const file = await ifThere(open(name, 'wx', 0o600));
    await file?.close();
    await ifThere(unlink(name));
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

/** The contents of a file; nothing of what is no file: a pipe must not keep us waiting, nor a link lead elsewhere. */
async function readOnly(file: string): Promise<Buffer> {
  try {
    return await readFile(file, { flag: constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW });
  } catch (error) {
    if (['EISDIR', 'ELOOP', 'ENXIO'].includes((error as NodeJS.ErrnoException).code ?? '')) return Buffer.alloc(0);
    throw error;
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
