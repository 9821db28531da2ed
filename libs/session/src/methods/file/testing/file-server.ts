// A file server that can be frozen: OpenSSH's sftp-server on loopback, mounted with sshfs, caches and all.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const SFTP_SERVER = '/usr/lib/openssh/sftp-server';

/**
 * Installs what is missing where that is possible (Debian, root).
 * @returns why network mounts cannot be tested on this machine; undefined when they can
 */
export function prepareNetworkMounts(): string | undefined {
  const isThere = () => existsSync('/usr/bin/sshfs') && existsSync(SFTP_SERVER);
  if (!existsSync('/dev/fuse')) return 'this machine has no /dev/fuse';
  if (!isThere() && process.getuid?.() === 0) {
    spawnSync('apt-get', ['update', '-qq']);
    spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'sshfs', 'openssh-sftp-server']);
  }
  return isThere() ? undefined : 'install the Debian packages sshfs and openssh-sftp-server';
}

export class FileServer {
  private readonly sessions: ChildProcess[] = [];
  private readonly mounts: { point: string; sshfs: ChildProcess }[] = [];
  private readonly listener = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
    this.sessions.push(spawn(SFTP_SERVER, [], { stdio: [socket, socket, 'inherit'] }));
    socket.destroy();
  });

  /** @param dir what it serves */
  constructor(readonly dir: string) {}

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.listener.listen(0, '127.0.0.1', resolve));
    return this;
  }

  /** Mounts the folder once more, as another machine would. */
  async mount(point: string): Promise<string> {
    await mkdir(point);
    const { port } = this.listener.address() as AddressInfo;
    const options = `directport=${port},dcache_timeout=20,attr_timeout=3`;
    const sshfs = spawn('sshfs', ['-f', '-o', options, `127.0.0.1:${this.dir}`, point], { stdio: 'inherit' });
    this.mounts.push({ point, sshfs });
    while (!readFileSync('/proc/mounts', 'utf8').includes(` ${point} `)) {
      if (sshfs.exitCode !== null) throw new Error(`sshfs exited with code ${sshfs.exitCode}.`);
      await sleep(20);
    }
    return point;
  }

  /** Whoever asks for anything on any of its mounts waits from now on. */
  freeze(): void {
    for (const session of this.sessions) session.kill('SIGSTOP');
  }

  thaw(): void {
    for (const session of this.sessions) session.kill('SIGCONT');
  }

  /** Every connection breaks, and stays broken. */
  crash(): void {
    for (const session of this.sessions) session.kill('SIGKILL');
  }

  stop(): void {
    this.thaw();
    for (const { point, sshfs } of this.mounts) {
      spawnSync('umount', ['-l', point]);
      sshfs.kill('SIGKILL');
    }
    this.crash();
    this.listener.close();
  }
}
