// The options of a site of the specs: servers on free ports that all know each other.
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { SyncTimings } from '../options.js';
import type { ProcessSettings } from './open-store.js';

export const SECRET = 'a secret that all servers of the specs are given';

/** For machines under load: no deadline decides anything. */
export const patient: Partial<SyncTimings> = {
  deadAfter: 10_000,
  ackWithin: 10_000,
  settle: 5000,
  read: 5000,
  failover: 20_000,
};

/** Free ports outside the range of outgoing connections: a server that comes back finds its port free. */
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
