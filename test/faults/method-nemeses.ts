// What is done on purpose to a site that keeps its sessions by a method of its own: its servers' network, clocks, mounts.
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { StackProcess, WebServer } from '@roam/local-stack';
import { isRefusal } from './history.js';
import { away, freezeAndThaw, killAll, pick } from './nemeses.js';
import type { Fault, Scene } from './scene.js';

/** Longer than any deadline and any connection that is dialled anew. */
const LASTS_MS = 8_000;
const CLOCKS_APART_MS = 300_000;

/** Both sides go on, and say 503 where only the other side can know: see docs/sync.md. */
export const cutBetweenServers: Fault = {
  name: 'cut the web servers off each other',
  inject: async ({ stack: { links, servers } }, round) => {
    const one = pick(servers, round).name;
    const others = servers.map(({ name }) => name).filter((name) => name !== one);
    const ways = others.flatMap((other) => [links.between(one, other), links.between(other, one)]);
    for (const way of ways) way.cut();
    await sleep(LASTS_MS);
    for (const way of ways) await way.heal();
  },
  longestWait: 3_000,
  mayFail: isRefusal,
};

/** It leaves in good order, comes back with an empty memory, and has to be given everything. */
export const leaveAndJoin: Fault = {
  name: 'a peer leaves and joins',
  inject: (scene, round) => {
    const server = pick(scene.stack.servers, round);
    return away(scene, server, async () => {
      await server.stop();
      await sleep(LASTS_MS);
      await server.start();
    });
  },
  longestWait: 1_000,
};

/** Who is signed in does not notice; only logins and accounts need MySQL. */
export const killDatabases: Fault = {
  name: 'kill -9 all of MySQL',
  inject: async ({ stack }) => {
    await killAll(stack);
    await sleep(LASTS_MS);
    await Promise.all(stack.databases.nodes.map((node) => node.start()));
  },
  longestWait: 1_500,
  mayFail: (operation) => (operation.action === 'login' || operation.action === 'register') && isRefusal(operation),
};

/** Nobody can tell any more who was logged out: after a second nobody is let in, and nobody is told that they are out. */
export const loseRevocationList: Fault = {
  ...killDatabases,
  name: 'kill -9 the MySQL server that holds the list of ended sessions',
  mayFail: isRefusal,
};

/** One server ahead and one behind, so that the two are as far apart as said. */
export const shiftClocks: Fault = {
  name: "web servers' clocks 5 minutes apart",
  inject: async (scene) => {
    const [ahead, , behind] = scene.stack.servers;
    await restartWith(scene, ahead, CLOCKS_APART_MS / 2);
    await restartWith(scene, behind, -CLOCKS_APART_MS / 2);
    await sleep(LASTS_MS);
    await restartWith(scene, ahead, 0);
    await restartWith(scene, behind, 0);
  },
  longestWait: 1_000,
};

async function restartWith(scene: Scene, server: WebServer, aheadMs: number): Promise<void> {
  await away(scene, server, async () => {
    await server.stop();
    server.shiftClock(aheadMs);
    await server.start();
  });
  // As an orchestrator does: the next one when nginx sees this one again.
  await sleep(2_000);
}

/** Its disk has no room: it can be read, and takes no write. @param disks known when it is injected */
export const fillMount = (disks: () => readonly string[]): Fault => ({
  name: 'one of two mounts is full',
  inject: async (_scene, round) => {
    const filler = join(pick(disks(), round), 'filler');
    // `dd` fails when there is no room left: that is what is wanted.
    await promisify(execFile)('dd', ['if=/dev/zero', `of=${filler}`, 'bs=4096']).catch(() => undefined);
    await sleep(LASTS_MS);
    await rm(filler);
  },
  longestWait: 1_500,
});

/** The file server stops: all web servers are left with the other one. @param mounts known when it is injected */
export const hangMount = (mounts: () => readonly Pick<StackProcess, 'freeze' | 'thaw'>[]): Fault => ({
  name: 'one of two mounts hangs 15 s',
  // Whoever asks for a file on it waits until it goes on, as with a dead NFS server behind a hard mount.
  inject: (_scene, round) => freezeAndThaw(pick(mounts(), round)),
  longestWait: 1_500,
});
