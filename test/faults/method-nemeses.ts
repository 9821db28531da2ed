// What is done on purpose to a site that keeps its sessions by a method of its own: its servers' network, clocks, mounts.
import { setTimeout as sleep } from 'node:timers/promises';
import type { LinkFaults, WebServer } from '@roam/local-stack';
import type { Fault, Scene } from './scene.js';

/** How long a network is cut: longer than any deadline and any connection that is dialled anew. */
const CUT_MS = 8_000;
const FROZEN_MS = 15_000;
const CLOCKS_APART_MS = 300_000;
const WITHIN_MS = 30_000;

/** Polls until `is` holds. */
async function until(what: string, is: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + WITHIN_MS;
  while (!(await is())) {
    if (performance.now() > end) throw new Error(`It did not happen: ${what}`);
    await sleep(50);
  }
}

/** Whether nothing accepts connections on its public port. */
async function hasLeft({ url }: WebServer): Promise<boolean> {
  try {
    await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(1_000) });
    return false;
  } catch (error) {
    return ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code === 'ECONNREFUSED';
  }
}

async function cutFor(links: LinkFaults, work: () => Promise<void>): Promise<void> {
  links.cut();
  try {
    await work();
  } finally {
    await links.heal();
  }
}

/** People reach it through nginx all the while: it has to see by itself that it must not serve. */
export const cutServer: Fault = {
  name: 'cut one web server off the other servers and the databases',
  strike: async (scene, round) => {
    const { stack } = scene;
    const server = stack.servers[round % stack.servers.length];
    scene.down.add(server.name);
    await cutFor(stack.links.of(server.name), async () => {
      await until(`${server.name} leaves its port`, () => hasLeft(server));
      await sleep(CUT_MS);
    });
    await scene.untilWhole();
    scene.down.delete(server.name);
  },
  longestWait: 3_000,
};

/** Both sides go on, and say 503 where only the other side can know: see docs/sync.md. */
export const cutBetweenServers: Fault = {
  name: 'cut the web servers off each other',
  strike: async ({ stack: { links, servers } }, round) => {
    const one = servers[round % servers.length].name;
    const others = servers.map(({ name }) => name).filter((name) => name !== one);
    const ways = others.flatMap((other) => [links.between(one, other), links.between(other, one)]);
    for (const way of ways) way.cut();
    await sleep(CUT_MS);
    for (const way of ways) await way.heal();
  },
  longestWait: 3_000,
  mayFail: ({ status, retryAfter }) => status === 503 && retryAfter === true,
};

/** It leaves in good order, comes back with an empty memory, and has to be given everything. */
export const leaveAndJoin: Fault = {
  name: 'a peer leaves and joins',
  strike: async (scene, round) => {
    const server = scene.stack.servers[round % scene.stack.servers.length];
    scene.down.add(server.name);
    await server.stop();
    await sleep(CUT_MS);
    await server.start();
    scene.down.delete(server.name);
  },
  longestWait: 1_000,
};

/** Who is signed in does not notice; only logins and accounts need MySQL. */
export const killDatabases: Fault = {
  name: 'kill -9 all of MySQL',
  strike: async ({ stack: { databases } }) => {
    await Promise.all(databases.nodes.map((node) => node.kill()));
    await sleep(CUT_MS);
    await Promise.all(databases.nodes.map((node) => node.start()));
  },
  longestWait: 1_500,
  mayFail: ({ action, status, retryAfter }) =>
    (action === 'login' || action === 'register') && status === 503 && retryAfter === true,
};

/** One server ahead and one behind, so that the two are as far apart as said. */
export const shiftClocks: Fault = {
  name: "web servers' clocks 5 minutes apart",
  strike: async (scene) => {
    const [ahead, , behind] = scene.stack.servers;
    await restartWith(scene, ahead, CLOCKS_APART_MS / 2);
    await restartWith(scene, behind, -CLOCKS_APART_MS / 2);
    await sleep(CUT_MS);
    await restartWith(scene, ahead, 0);
    await restartWith(scene, behind, 0);
  },
  longestWait: 1_000,
};

async function restartWith(scene: Scene, server: WebServer, aheadMs: number): Promise<void> {
  scene.down.add(server.name);
  await server.stop();
  server.shiftClock(aheadMs);
  await server.start();
  scene.down.delete(server.name);
  // As an orchestrator does: the next one when nginx sees this one again.
  await sleep(2_000);
}

/** Nobody can tell any more who was logged out: after a second nobody is let in, and nobody is told that they are out. */
export const loseRevocationList: Fault = {
  name: 'kill -9 the MySQL server that holds the list of ended sessions',
  strike: killDatabases.strike,
  longestWait: 1_500,
  mayFail: ({ status, retryAfter }) => status === 503 && retryAfter === true,
};

/** Whoever asks for a file on it waits until it goes on, as with a dead NFS server behind a hard mount. */
interface Mount {
  freeze(): void;
  thaw(): void;
}

/** The file server stops: all web servers are left with the other one. @param mounts known when it strikes */
export const hangMount = (mounts: () => readonly Mount[]): Fault => ({
  name: 'one of two mounts hangs 15 s',
  strike: async (_scene, round) => {
    const all = mounts();
    const mount = all[round % all.length];
    mount.freeze();
    await sleep(FROZEN_MS);
    mount.thaw();
  },
  longestWait: 1_500,
});
