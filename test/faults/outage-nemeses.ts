// All databases away at once, and the one that takes the writes.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Stack } from '@roam/local-stack';
import { isRefusal, type Operation } from './history.js';
import { killAll } from './nemeses.js';
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
      throw new Error('Not served 30 s after the databases were started');
    await sleep(200);
  }
  process.stderr.write(`served ${Math.round(performance.now() - begun)} ms after the databases were started\n`);
  await started;
}

async function away(stack: Stack): Promise<void> {
  await killAll(stack);
  await sleep(DOWN_MS);
  await startAll(stack);
}

export const allDownDeny: Fault = {
  name: 'all MySQL nodes down 20 s, deny',
  strike: ({ stack }) => away(stack),
  longestWait: 1_000,
  mayFail: isRefusal,
};

export const allDownReadOnly: Fault = {
  name: 'all MySQL nodes down 20 s, read-only',
  strike: ({ stack }) => away(stack),
  longestWait: 1_000,
  mayFail: (operation) => isRefusal(operation) && !isRead(operation),
};

export const powerCut: Fault = {
  name: 'power cut of all MySQL nodes, restart',
  strike: async ({ stack }) => {
    await killAll(stack);
    await startAll(stack);
  },
  longestWait: 1_500,
  mayFail: isRefusal,
};

/** Reads go on; writes wait for the next primary or are refused. */
export const killPrimary: Fault = {
  name: 'single-primary group, primary killed',
  strike: async ({ stack }) => {
    const roles = await Promise.all(stack.databases.nodes.map((node) => node.role()));
    const primary = stack.databases.nodes[roles.indexOf('primary')];
    await primary.kill();
    await sleep(DOWN_MS);
    await primary.start();
  },
  longestWait: 1_500,
  mayFail: (operation) => isRefusal(operation) && !isRead(operation),
};
