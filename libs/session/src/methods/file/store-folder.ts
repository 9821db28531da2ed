// The folder of a store on one mount: its identity, the files on their way to a name, and how names are given.
import { randomBytes } from 'node:crypto';
import { constants, link, mkdir, open, readFile, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join as path } from 'node:path';
import { KINDS } from './documents.js';
import type { Seal } from './sealed-file.js';

const IDENTITY = 'store.json';
const TEMPORARY = 'temporary';
export const DAMAGED = 'damaged';
const LEFT_BEHIND_MS = 3_600_000;

/** The folder is not the store that it must be. */
export class ForeignStoreError extends Error {}

export class StoreFolder {
  private readonly writer = `${hostname().replaceAll(/[^\w-]/g, '_')}.${process.pid}.${randomBytes(4).toString('hex')}`;
  private count = 0;

  /** @param report is told of each file that was moved aside */
  constructor(
    protected readonly root: string,
    protected readonly seal: Seal,
    protected readonly report: (file: string) => void,
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

  /** Removes what writers that were killed have left. */
  async tidy(): Promise<void> {
    const folder = path(this.root, TEMPORARY);
    for (const name of await readdir(folder)) {
      const { mtimeMs } = (await ifThere(stat(path(folder, name)))) ?? { mtimeMs: Infinity };
      if (mtimeMs < Date.now() - LEFT_BEHIND_MS) await ifThere(unlink(path(folder, name)));
    }
  }

  /** A name that no writer uses a second time. */
  protected uniqueName(): string {
    return `${this.writer}.${++this.count}`;
  }

  /** Throws when the store is gone: an empty folder under a mount point must not look like a store without sessions. */
  protected async assertThere(): Promise<void> {
    await stat(path(this.root, IDENTITY));
  }

  /** Gives the file its name, unless the name is taken; returns what went wrong. */
  protected async name(temporary: string, target: string): Promise<NodeJS.ErrnoException | undefined> {
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

  /** Writes and flushes a file under a unique name, lets `use` use it, and removes the name. */
  protected async writeTemporary<T>(bytes: Buffer, use: (temporary: string) => Promise<T>): Promise<T> {
    const temporary = path(this.root, TEMPORARY, this.uniqueName());
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

  protected async flushFolder(folder: string): Promise<void> {
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
}

/** A file and how many names it has; empty where it is no file. It never waits for a pipe, nor follows a link. */
export async function readOnly(file: string): Promise<{ bytes: Buffer; names: number }> {
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
export async function ifThere<T>(operation: Promise<T>): Promise<T | undefined> {
  try {
    return await operation;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESTALE') return undefined;
    throw error;
  }
}
