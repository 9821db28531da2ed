// The sockets on which a process and all that it has started listen; Linux only.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface Listener {
  readonly pid: number;
  /** The program's name. */
  readonly program: string;
  /** As `127.0.0.1`, `0.0.0.0` or, for IPv6, 32 hexadecimal digits in network order. */
  readonly address: string;
  readonly port: number;
}

/** Of the process and its descendants, each in its own network namespace. */
export function listenersOf(root: number): Listener[] {
  return descendantsOf(root).flatMap((pid) => {
    try {
      const inodes = socketsOf(pid);
      const program = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
      return ['tcp', 'tcp6'].flatMap((table) =>
        readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
          .trim()
          .split('\n')
          .slice(1)
          .map((line) => line.trim().split(/\s+/))
          .filter(([, , , state, , , , , , inode]) => state === LISTEN && inodes.has(inode))
          .map(([, local]) => ({ pid, program, ...addressOf(local) })),
      );
    } catch (error) {
      // It has ended meanwhile.
      if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
      throw error;
    }
  });
}

export function isLoopback({ address }: Listener): boolean {
  return /^127\./.test(address) || address === `${'0'.repeat(31)}1` || /^0{20}ffff7f/.test(address);
}

const LISTEN = '0A';

function descendantsOf(root: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc').filter((each) => /^\d+$/.test(each)))
    try {
      // The name of the program, in parentheses, may contain anything.
      const [, parent] = readFileSync(`/proc/${name}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ');
      parents.set(Number(name), Number(parent));
    } catch {
      // It has ended meanwhile.
    }
  const found = [root];
  for (const pid of found) for (const [child, parent] of parents) if (parent === pid) found.push(child);
  return found;
}

function socketsOf(pid: number): Set<string> {
  const inodes = new Set<string>();
  for (const fd of readdirSync(`/proc/${pid}/fd`))
    try {
      const [, inode] = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? [];
      if (inode !== undefined) inodes.add(inode);
    } catch {
      // It was closed meanwhile.
    }
  return inodes;
}

/** The kernel writes groups of four bytes in the machine's order, which is the reverse one here. */
function addressOf(local: string): Pick<Listener, 'address' | 'port'> {
  const [hex = '', port = ''] = local.split(':');
  const bytes = hex.match(/.{8}/g)!.flatMap((group) => group.match(/../g)!.reverse());
  const address = bytes.length === 4 ? bytes.map((byte) => Number.parseInt(byte, 16)).join('.') : bytes.join('');
  return { address: address.toLowerCase(), port: Number.parseInt(port, 16) };
}
