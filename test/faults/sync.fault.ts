// Sessions in the memory of three web servers, nginx, one MySQL server: servers die, freeze, are cut off, have other clocks.
import { afterAll, beforeAll, describe, it, jest } from '@jest/globals';
import { startStack, type Stack } from '@roam/local-stack';
import { expectHarmless } from './expect-outcome.js';
import { cutBetweenServers, cutServer, killDatabases, leaveAndJoin, shiftClocks } from './method-nemeses.js';
import { freezeServer, killServer, rollingRestart } from './nemeses.js';
import { rounds } from './rounds.js';
import { Scene } from './scene.js';

jest.setTimeout(30 * 60_000);

describe('sync', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({ topology: 'single', links: true, env: { SESSION_METHOD: 'sync' } });
  }, 180_000);
  afterAll(() => stack?.stop());

  const faults = [
    killServer,
    rollingRestart,
    leaveAndJoin,
    freezeServer,
    cutServer,
    cutBetweenServers,
    killDatabases,
    shiftClocks,
  ];
  it.each(faults)('$name', (fault) => expectHarmless(new Scene({ stack, method: 'sync', rounds }), fault));
});
