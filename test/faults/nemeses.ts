// What is done to a site on purpose.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Stack, StackProcess } from '@roam/local-stack';
import type { Fault, Scene } from './scene.js';

const FROZEN_MS = 15_000;

/** A part that lies dead for a while before somebody starts it again. */
const DEAD_MS = 4_000;

export const pick = <T>(all: readonly T[], round: number): T => all[round % all.length];

/** Nobody goes to the server past nginx meanwhile. */
export async function away(scene: Scene, server: StackProcess, work: () => Promise<void>): Promise<void> {
  scene.down.add(server.name);
  try {
    await work();
  } finally {
    scene.down.delete(server.name);
  }
}

export async function killAndRestart(victim: StackProcess): Promise<void> {
  await victim.kill();
  await sleep(DEAD_MS);
  await victim.start();
}

export async function killAll({ databases }: Stack): Promise<void> {
  await Promise.all(databases.nodes.map((node) => node.kill()));
}

/** @param victim what hangs while it is frozen: a process, or who serves a mount */
export async function freezeAndThaw(victim: Pick<StackProcess, 'freeze' | 'thaw'>): Promise<void> {
  victim.freeze();
  await sleep(FROZEN_MS);
  victim.thaw();
}

export const killDatabase: Fault = {
  name: 'kill -9 a MySQL node',
  inject: ({ stack }, round) => killAndRestart(pick(stack.databases.nodes, round)),
  longestWait: 1_000,
};

export const freezeDatabase: Fault = {
  name: 'freeze a MySQL node 15 s, thaw',
  inject: ({ stack }, round) => freezeAndThaw(pick(stack.databases.nodes, round)),
  longestWait: 2_000,
};

export const killServer: Fault = {
  name: 'kill -9 a web server',
  inject: (scene, round) => {
    const server = pick(scene.stack.servers, round);
    return away(scene, server, () => killAndRestart(server));
  },
  longestWait: 1_000,
};

export const freezeServer: Fault = {
  name: 'freeze a web server 15 s, thaw',
  inject: (scene, round) => {
    const server = pick(scene.stack.servers, round);
    return away(scene, server, () => freezeAndThaw(server));
  },
  longestWait: 3_000,
};

/** Only what was sent while it was down may fail. */
export const killNginx: Fault = {
  name: 'kill -9 nginx',
  inject: async ({ stack: { nginx } }) => {
    await nginx.kill();
    await nginx.start();
  },
  longestWait: 2_000,
  mayFail: ({ status }) => status === undefined,
};

export const rollingRestart: Fault = {
  name: 'rolling restart of all web servers',
  inject: async (scene) => {
    for (const server of scene.stack.servers) {
      await away(scene, server, async () => {
        await server.stop();
        await server.start();
      });
      // As an orchestrator does: the next one when this one takes traffic, as nginx sees it too.
      await sleep(2_000);
    }
  },
  longestWait: 1_000,
};
