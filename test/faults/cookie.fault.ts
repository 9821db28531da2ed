// Sessions sealed in the browsers' cookies, three web servers, nginx, and one MySQL server that holds the list of ended ones.
import { afterAll, beforeAll, describe, it, jest } from '@jest/globals';
import { startStack, type Stack } from '@roam/local-stack';
import { expectHarmless } from './expect-outcome.js';
import { loseRevocationList } from './method-nemeses.js';
import { freezeServer, killServer, rollingRestart } from './nemeses.js';
import { Scene } from './scene.js';

jest.setTimeout(30 * 60_000);

describe('cookie', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({ topology: 'single', env: { SESSION_METHOD: 'cookie' } });
  }, 180_000);
  afterAll(() => stack?.stop());

  const faults = [killServer, rollingRestart, freezeServer, loseRevocationList];
  it.each(faults)('$name', (fault) => expectHarmless(new Scene({ stack, method: 'cookie' }), fault));
});
