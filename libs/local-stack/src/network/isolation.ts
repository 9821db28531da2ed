// A network of their own for the databases of one run: each in a Linux network namespace, all on one switch.
import { execFile, spawnSync } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { StackError } from '../errors.js';
import { hasSetpriv, onPath, type CommandLine } from '../system/guard.js';
import { ManagedProcess } from '../system/managed-process.js';

const run = promisify(execFile);
const SBIN = ['/usr/sbin', '/sbin'];

/** Why databases cannot be isolated on this machine; undefined where they can. */
export function canIsolate(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces exist on Linux only';
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  const missing = ['ip', 'iptables', 'nsenter', 'unshare'].filter((name) => onPath(name, SBIN) === undefined);
  if (!hasSetpriv) missing.push('setpriv');
  if (missing.length > 0)
    return `${missing.join(', ')} missing: install the packages iproute2, iptables and util-linux`;
  const attempt = 'ip link set lo up && iptables -w -A INPUT -j DROP && ip link add roam0 type veth peer name roam1';
  const { status, stderr } = spawnSync('unshare', ['--net', 'sh', '-ec', attempt], { encoding: 'utf8' });
  return status === 0 ? undefined : `this machine does not allow network namespaces: ${stderr.trim()}`;
}

/** The network of one database, and what can happen to it. */
export interface NetworkNamespace {
  readonly host: string;
  /** The command that runs the program in it; it stays one process. */
  inside(command: CommandLine): CommandLine;
  /** Packets to and from the other databases vanish; with `clients` also those from everybody else. */
  cut(clients: boolean): Promise<void>;
  heal(): Promise<void>;
}

/**
 * Every namespace lives as long as a sleeping process in it, which dies with us, and a cable ends with either of its
 * namespaces: so nothing of this outlives this process, not even when it is killed with -9.
 */
export class IsolatedNetwork {
  private readonly holders: ManagedProcess[] = [];

  /** `dir` receives what the namespaces' processes print. Throws `StackError` bad_options where it is not possible. */
  static async open(
    count: number,
    dir: string,
  ): Promise<{ network: IsolatedNetwork; namespaces: readonly NetworkNamespace[] }> {
    const reason = canIsolate();
    if (reason !== undefined)
      throw new StackError('bad_options', `MySQL servers cannot have networks of their own here: ${reason}`);
    const network = new IsolatedNetwork();
    try {
      return { network, namespaces: await network.build(count, dir) };
    } catch (error) {
      await network.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.holders.map((holder) => holder.kill()));
  }

  private async build(count: number, dir: string): Promise<NetworkNamespace[]> {
    const subnet = freeSubnet();
    const gateway = `${subnet}.1`;
    const hosts = Array.from({ length: count }, (_, i) => `${subnet}.${11 + i}`);
    const [hub = 0, ...nodes] = await Promise.all(
      ['switch', ...hosts].map((name) => this.namespace(name, join(dir, 'network.log'))),
    );
    const cable = `roam-${randomBytes(4).toString('hex')}`;
    await run('sh', [
      '-ec',
      `ip link add ${cable} type veth peer name port netns ${hub}
       ip address add ${gateway}/24 dev ${cable}
       ip link set ${cable} up`,
    ]);
    await within(hub, 'ip link add hub type bridge; ip link set hub up; ip link set port master hub up');
    const namespaces = nodes.map(async (pid, i) => {
      const host = hosts[i] ?? '';
      await within(hub, `ip link add n${i} type veth peer name port netns ${pid}; ip link set n${i} master hub up`);
      await within(pid, `ip address add ${host}/24 dev port; ip link set port up; ip link set lo up`);
      const others = hosts.filter((other) => other !== host);
      return {
        host,
        inside: ({ file, args }: CommandLine) => ({ file: 'nsenter', args: [`--net=${netOf(pid)}`, file, ...args] }),
        cut: (clients: boolean) =>
          within(
            pid,
            [...others, ...(clients ? [gateway] : [])]
              .map((other) => `iptables -w -A INPUT -s ${other} -j DROP; iptables -w -A OUTPUT -d ${other} -j DROP`)
              .join('; '),
          ),
        heal: () => within(pid, 'iptables -w -F'),
      };
    });
    return Promise.all(namespaces);
  }

  /** Makes a namespace; resolves with the id of the process that holds it. */
  private async namespace(name: string, logFile: string): Promise<number> {
    const own = readlinkSync('/proc/self/ns/net');
    const holder: ManagedProcess = new ManagedProcess({
      name: `network of ${name}`,
      command: () => ({ file: 'unshare', args: ['--net', 'sleep', 'infinity'] }),
      env: () => process.env,
      logFile,
      isReady: async () => holder.pid !== null && readlinkSync(netOf(holder.pid)) !== own,
      readyTimeoutMs: 10_000,
      stopGraceMs: 0,
    });
    this.holders.push(holder);
    await holder.start();
    return holder.pid ?? 0;
  }
}

function netOf(pid: number): string {
  return `/proc/${pid}/ns/net`;
}

async function within(pid: number, script: string): Promise<void> {
  await run('nsenter', [`--net=${netOf(pid)}`, 'sh', '-ec', script]);
}

/** The first three numbers of a network that this machine is not in. */
function freeSubnet(): string {
  const used = Object.values(networkInterfaces()).flatMap((ones) => ones?.map(({ address }) => address) ?? []);
  for (;;) {
    const subnet = `10.${randomInt(64, 255)}.${randomInt(0, 256)}`;
    if (!used.some((address) => address.startsWith(`${subnet.split('.', 2).join('.')}.`))) return subnet;
  }
}
