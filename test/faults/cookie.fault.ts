// Sessions sealed in the browsers' cookies, three web servers, nginx, and MySQL that holds the list of ended ones.
import { afterAll, beforeAll, describe, it, jest } from '@jest/globals';
import { startStack, type Stack } from '@roam/local-stack';
import { expectHarmless } from './expect-outcome.js';
import { loseRevocationList, shiftClocks } from './method-nemeses.js';
import { freezeDatabase, freezeServer, killDatabase, killServer, rollingRestart } from './nemeses.js';
import { cutServer } from './network-nemeses.js';
import { Scene } from './scene.js';

jest.setTimeout(30 * 60_000);

describe('cookie, one MySQL server', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({ topology: 'single', links: true, env: { SESSION_METHOD: 'cookie' } });
  }, 180_000);
  afterAll(() => stack?.stop());

  const faults = [killServer, rollingRestart, freezeServer, cutServer, loseRevocationList, shiftClocks];
  it.each(faults)('$name', (fault) => expectHarmless(new Scene({ stack, method: 'cookie' }), fault));
});

describe('cookie, three MySQL servers', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({ env: { SESSION_METHOD: 'cookie' } });
  }, 180_000);
  afterAll(() => stack?.stop());

  const faults = [killDatabase, freezeDatabase];
  it.each(faults)('$name', (fault) => expectHarmless(new Scene({ stack, method: 'cookie' }), fault));
});
