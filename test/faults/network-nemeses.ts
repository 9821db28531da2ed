// What is done to a site's network and to what its databases live on.
import { setTimeout as sleep } from 'node:timers/promises';
import { exhaustConnections, holdApplier, type WebServer } from '@roam/local-stack';
import { until } from '../support/until.js';
import { away, pick } from './nemeses.js';
import type { Fault, Scene } from './scene.js';

const LASTS_MS = 10_000;

/** It still hears nginx, and nobody else: it has to see by itself that it must not serve. */
export const cutServer: Fault = {
  name: 'cut one web server off the other servers and the databases',
  inject: (scene, round) => {
    const server = pick(scene.stack.servers, round);
    return away(scene, server, () => cutOff(server, scene));
  },
  longestWait: 3_000,
};

export async function cutOff(server: WebServer, scene: Scene): Promise<void> {
  const links = scene.stack.links.of(server.name);
  links.cut();
  try {
    await until(`${server.name} leaves its port`, () => isRefused(server.url));
    await sleep(LASTS_MS);
  } finally {
    await links.heal();
  }
  // Nobody is sent past nginx to a server that is still away.
  await scene.untilRecovered();
}

async function isRefused(url: string): Promise<boolean> {
  try {
    await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(1_000) });
    return false;
  } catch (error) {
    return ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code === 'ECONNREFUSED';
  }
}

export const cutDatabase: Fault = {
  name: 'cut one MySQL node off the other two',
  inject: async ({ stack }, round) => {
    const node = pick(stack.databases.nodes, round);
    await node.cut();
    await sleep(LASTS_MS);
    await node.heal();
  },
  longestWait: 2_000,
};

export const slowDatabase: Fault = {
  name: 'a MySQL node that answers 200 ms late',
  inject: async ({ stack }, round) => {
    const links = stack.links.of(pick(stack.databases.nodes, round).name);
    links.delay(200);
    await sleep(LASTS_MS);
    await links.heal();
  },
  longestWait: 2_000,
};

export const holdDatabase: Fault = {
  name: 'a MySQL node that is 5 s behind',
  inject: async ({ stack }, round) => {
    const release = await holdApplier(pick(stack.databases.nodes, round));
    await sleep(5_000);
    await release();
  },
  longestWait: 2_000,
};

export const useUpConnections: Fault = {
  name: "a MySQL node's connections used up",
  inject: async ({ stack }, round) => {
    const undo = await exhaustConnections(pick(stack.databases.nodes, round));
    await sleep(LASTS_MS);
    await undo();
  },
  longestWait: 2_000,
};

export const fillDisk: Fault = {
  name: "a MySQL node's disk full",
  inject: async ({ stack }, round) => {
    const node = pick(stack.databases.nodes, round);
    await node.fillDisk();
    await sleep(LASTS_MS);
    // MySQL looks for space again once a minute: an operator frees some and starts it anew.
    await node.kill();
    await node.freeDisk();
    await node.start();
  },
  longestWait: 2_000,
};
