// Helpers of the specs: free ports, servers in processes of their own, waiting for a condition.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { startStores, type StoreProcess } from '../../testing/store-processes.js';
import { defaultLimits, defaultTimings, noCounts, type SyncStats, type SyncTimings } from './options.js';
import type { LinkContext } from './peer-link.js';
import type { ProcessSettings } from './process-store.js';

export const SECRET = 'a secret that all servers of the specs are given';

/** For machines under load: nothing here is to be decided by a deadline. */
export const patient: Partial<SyncTimings> = {
  deadAfter: 10_000,
  ackWithin: 10_000,
  settle: 5000,
  read: 5000,
  failover: 20_000,
};

/** Free now, and not of those that the system gives to whoever connects: a server that comes back finds its own again. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = 11_000 + Math.floor(Math.random() * 8_000);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  await new Promise((resolve) => server.close(resolve));
  return true;
}

/** Options of `web1`, `web2` … that all know each other. */
export function site(ports: readonly number[], more: Partial<ProcessSettings> = {}): ProcessSettings[] {
  return ports.map((port, i) => ({
    serverName: `web${i + 1}`,
    listen: { host: '127.0.0.1', port },
    peers: ports.map((peer) => `127.0.0.1:${peer}`),
    security: { secret: SECRET },
    ...more,
  }));
}

/** What a link of `web1` is given. */
export function linkContext(timings: Partial<SyncTimings>, now = Date.now): LinkContext {
  const hello = { protocol: 1, name: 'web1', instance: 'a', writer: '', serving: true, now: 0 };
  return {
    security: { secret: SECRET },
    timings: { ...defaultTimings, ...timings },
    limits: defaultLimits,
    counters: noCounts(),
    hello: () => hello,
    isNew: () => true,
    onBehind: () => undefined,
    emit: () => undefined,
    now,
  };
}

export function startServers(settings: readonly ProcessSettings[]): Promise<StoreProcess[]> {
  const module = new URL('./process-store.js', import.meta.url).href.replace(
    /\/libs\/session\/src\//,
    '/libs/session/dist/',
  );
  return startStores(module, settings);
}

export function statsOf({ store }: StoreProcess): Promise<SyncStats> {
  return (store as unknown as { stats(): Promise<SyncStats> }).stats();
}

/** @throws Error when it does not come true in time */
export async function until(what: string, isTrue: () => boolean | Promise<boolean>, within = 20_000): Promise<void> {
  const end = performance.now() + within;
  while (!(await isTrue())) {
    if (performance.now() > end) throw new Error(`Timed out after ${within} ms waiting for: ${what}`);
    await sleep(20);
  }
}
