// All databases away at once, and the one that takes the writes.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Stack } from '@roam/local-stack';
import { isRefusal, type Operation } from './history.js';
import { killAll, killAndRestart } from './nemeses.js';
import type { Fault } from './scene.js';

const DOWN_MS = 20_000;
const SERVED_WITHIN_MS = 30_000;

/** What `read-only` goes on to answer: the list of devices is in MySQL. */
const isRead = ({ action }: Operation) => action === 'me' || action === 'read';

/** Resolves when the site takes writes again; throws when that takes too long. */
async function startAll({ databases, url }: Stack): Promise<void> {
  const begun = performance.now();
  const started = Promise.all(databases.nodes.map((node) => node.start()));
  const headers = { 'content-type': 'application/json', origin: new URL(url).origin };
  const isServed = async () => {
    const options = { method: 'PUT', headers, body: '{"quantity":1}', signal: AbortSignal.timeout(5_000) };
    return (await fetch(`${url}/api/cart/again`, options).catch(() => undefined))?.status === 200;
  };
  while (!(await isServed())) {
    if (performance.now() - begun > SERVED_WITHIN_MS)
      throw new Error(
        `Timed out: no write was served within ${SERVED_WITHIN_MS / 1_000} s after the MySQL servers were started`,
      );
    await sleep(200);
  }
  process.stderr.write(`served ${Math.round(performance.now() - begun)} ms after the MySQL servers were started\n`);
  await started;
}

async function away(stack: Stack): Promise<void> {
  await killAll(stack);
  await sleep(DOWN_MS);
  await startAll(stack);
}

export const allDownDeny: Fault = {
  name: 'all MySQL nodes down 20 s, deny',
  inject: ({ stack }) => away(stack),
  longestWait: 1_000,
  mayFail: isRefusal,
};

export const allDownReadOnly: Fault = {
  name: 'all MySQL nodes down 20 s, read-only',
  inject: ({ stack }) => away(stack),
  longestWait: 1_000,
  mayFail: (operation) => isRefusal(operation) && !isRead(operation),
};

export const powerCut: Fault = {
  name: 'power cut of all MySQL nodes, restart',
  inject: async ({ stack }) => {
    await killAll(stack);
    await startAll(stack);
  },
  longestWait: 1_500,
  mayFail: isRefusal,
};

export const oneDownDeny: Fault = { ...allDownDeny, name: 'the only MySQL server down 20 s, deny' };

/** The node that takes the writes dies: reads go on, writes are refused until one takes them. */
const killWriter: Omit<Fault, 'name'> = {
  inject: async ({ stack }) => {
    const writer = await nodeOf(stack, 'primary');
    await writer.kill();
    await sleep(DOWN_MS);
    await writer.start();
  },
  longestWait: 1_500,
  mayFail: (operation) => isRefusal(operation) && !isRead(operation),
};

/** The others elect the next one. */
export const killPrimary: Fault = { ...killWriter, name: 'single-primary group, primary killed' };

/** Nobody but an operator makes a source of a replica: here it comes back itself. */
export const killSource: Fault = { ...killWriter, name: 'source with replicas, the source down 20 s' };

export const killReplica: Fault = {
  name: 'source with replicas, a replica killed',
  inject: async ({ stack }) => killAndRestart(await nodeOf(stack, 'replica')),
  longestWait: 1_000,
};

async function nodeOf({ databases }: Stack, role: 'primary' | 'replica') {
  const roles = await Promise.all(databases.nodes.map((node) => node.role()));
  return databases.nodes[roles.indexOf(role)];
}
