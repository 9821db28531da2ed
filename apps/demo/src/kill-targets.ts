// What `--kill` can take away from the running site, and give back.
import { renameSync } from 'node:fs';
import { leaderOf, type Stack, type StackProcess } from '@roam/local-stack';

/** `database`, `server` and `mount` are what a session method may depend on. */
export interface KillTarget {
  readonly kind: 'database' | 'server' | 'mount';
  readonly name: string;
  /** What is done to it, for the report. */
  readonly action: string;
  kill(): Promise<void>;
  start(): Promise<void>;
}

/**
 * One of each: a MySQL server, the web server of this name (in one-way mode the leader, if it has successors, else a
 * follower) and, where sessions are in files, a mount.
 */
export async function killTargetsOf(stack: Stack, method: string, serverName: string): Promise<KillTarget[]> {
  const { nodes } = stack.databases;
  const roles = await Promise.all(nodes.map((node) => node.role()));
  // Where only one node takes writes, it is not that one: its failover takes MySQL seconds (see the documentation).
  const replica = nodes.findLast((_node, index) => roles[index] === 'replica');
  const database = replica ?? nodes[0];
  const leader = await leaderOf(stack);
  // A leader without successors is not killed: nobody could write.
  const isTarget = (name: string) => (stack.settings.SYNC_DIRECTION?.includes(',') ? name === leader : name !== leader);
  const server = stack.servers.find(({ name }) => (leader === undefined ? name === serverName : isTarget(name)));
  const [mount] = stack.sessionDirs;
  return [
    ...(database ? [killed('database', database)] : []),
    ...(method === 'file' && mount !== undefined ? [unmounted(mount)] : []),
    ...(server ? [killed('server', server)] : []),
  ];
}

/** What the sessions of this method depend on beside the server that answers. */
export function storeOf(method: string): KillTarget['kind'] {
  if (method === 'sync') return 'server';
  return method === 'file' ? 'mount' : 'database';
}

function killed(kind: KillTarget['kind'], process: StackProcess): KillTarget {
  return {
    kind,
    name: process.name,
    action: `kill -9 ${process.name}`,
    kill: () => process.kill(),
    start: () => process.start(),
  };
}

/** The folder goes away as it does when a network mount is lost. */
function unmounted(dir: string): KillTarget {
  const away = `${dir}.away`;
  return {
    kind: 'mount',
    name: 'mount 1',
    action: 'take away mount 1',
    kill: async () => renameSync(dir, away),
    start: async () => renameSync(away, dir),
  };
}
