// A small disk of its own for a database's data folder, so that it can be full.
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { promisify } from 'node:util';
import { StackError } from '../errors.js';
import { onPath, type CommandLine } from '../system/guard.js';

const run = promisify(execFile);
const MEGABYTES = 512;

/** Why databases cannot have disks of their own on this machine; undefined where they can. */
export function canOwnDisks(): string | undefined {
  if (process.platform !== 'linux') return 'mount namespaces exist on Linux only';
  if (process.getuid?.() !== 0) return 'mounting a disk needs root';
  const missing = ['mke2fs', 'mount', 'unshare', 'nsenter'].filter(
    (name) => onPath(name, ['/usr/sbin', '/sbin']) === undefined,
  );
  return missing.length > 0
    ? `${missing.join(', ')} missing: install the packages e2fsprogs, mount and util-linux`
    : undefined;
}

/**
 * A file with a file system in it. It is mounted only in the namespace of the database's process: the mount is gone
 * when that process is, however it ends.
 */
export class OwnDisk {
  constructor(private readonly folder: string) {}

  /** Makes the disk with a copy of `base`. */
  async create(base: string): Promise<void> {
    mkdirSync(this.folder);
    await run('mke2fs', ['-q', '-t', 'ext4', '-m', '0', this.image, `${MEGABYTES}M`]);
    // Without holes: a redo log that needs new room to write into what it owns would end the server at once.
    await this.run(null, `cp --archive --sparse=never '${base}/.' .`);
  }

  /** The command that runs the program with the disk mounted; it stays one process. */
  inside({ file, args }: CommandLine): CommandLine {
    return { file: 'unshare', args: ['--mount', 'sh', '-ec', `${this.mount}; exec "$@"`, 'sh', file, ...args] };
  }

  /** Leaves no byte free. */
  async fill(pid: number | null): Promise<void> {
    // The second takes what the file system could not give in one piece.
    await this.run(
      pid,
      `fallocate --length "$(df --block-size=1 --output=avail . | tail -1)" ballast || true
       dd if=/dev/zero of=ballast bs=4096 oflag=append conv=notrunc,fsync status=none || true`,
    );
  }

  async free(pid: number | null): Promise<void> {
    await this.run(pid, 'rm -f ballast');
  }

  private get image(): string {
    return `${this.folder}.img`;
  }

  private get mount(): string {
    return `mount -o loop '${this.image}' '${this.folder}'; rm -rf '${this.folder}/lost+found'`;
  }

  /** In the disk's folder, as the running database or, where it does not run, a moment of our own sees it. */
  private async run(pid: number | null, script: string): Promise<void> {
    const there = `cd '${this.folder}'; ${script}`;
    try {
      if (pid === null) await run('unshare', ['--mount', 'sh', '-ec', `${this.mount}; ${there}`]);
      else await run('nsenter', [`--mount=/proc/${pid}/ns/mnt`, 'sh', '-ec', there]);
    } catch (error) {
      throw new StackError('start_failed', `The disk ${this.image} cannot be used: ${(error as Error).message}`);
    }
  }
}
