// Sessions in MySQL while the network fails: databases cut off each other, a web server cut off everything, a slow node.
import { afterAll, beforeAll, describe, it, jest } from '@jest/globals';
import { canIsolate, canOwnDisks, startStack, type Stack } from '@roam/local-stack';
import { expectHarmless } from './expect-outcome.js';
import { cutDatabase, cutServer, fillDisk, holdDatabase, slowDatabase, useUpConnections } from './network-nemeses.js';
import { Scene } from './scene.js';

jest.setTimeout(30 * 60_000);

describe('mysql, three nodes that all take writes, over links that can be cut', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({ links: true, env: { SESSION_METHOD: 'mysql' } });
  }, 180_000);
  afterAll(() => stack?.stop());

  it.each([cutServer, slowDatabase, holdDatabase, useUpConnections])('$name', (fault) =>
    expectHarmless(new Scene({ stack, method: 'mysql' }), fault),
  );
});

/** Runs where this machine can do it, and says loudly where it cannot. */
function where(reason: string | undefined, what: string): typeof describe | typeof describe.skip {
  if (reason === undefined) return describe;
  process.stderr.write(`SKIPPED: ${what}. ${reason}\n`);
  return describe.skip;
}

where(canIsolate(), 'cuts between MySQL nodes')('mysql, three nodes in networks of their own', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({ isolated: true, env: { SESSION_METHOD: 'mysql' } });
  }, 180_000);
  afterAll(() => stack?.stop());

  it.each([cutDatabase])('$name', (fault) => expectHarmless(new Scene({ stack, method: 'mysql' }), fault));
});

where(canOwnDisks(), 'a full disk')('mysql, three nodes on disks of their own', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({ ownDisks: true, env: { SESSION_METHOD: 'mysql' } });
  }, 180_000);
  afterAll(() => stack?.stop());

  it.each([fillDisk])('$name', (fault) => expectHarmless(new Scene({ stack, method: 'mysql' }), fault));
});
