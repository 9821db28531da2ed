// Sessions in three MySQL servers that all take writes, three web servers, nginx; each part is killed, frozen, restarted.
import { afterAll, beforeAll, describe, it, jest } from '@jest/globals';
import { startStack, type Stack } from '@roam/local-stack';
import { expectHarmless } from './expect-outcome.js';
import { shiftClocks } from './method-nemeses.js';
import { freezeDatabase, freezeServer, killDatabase, killNginx, killServer, rollingRestart } from './nemeses.js';
import { Scene } from './scene.js';

jest.setTimeout(30 * 60_000);

describe('mysql, three nodes that all take writes', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({ env: { SESSION_METHOD: 'mysql' } });
  }, 180_000);
  afterAll(() => stack?.stop());

  const faults = [killServer, rollingRestart, killNginx, freezeServer, killDatabase, freezeDatabase, shiftClocks];
  it.each(faults)('$name', (fault) => expectHarmless(new Scene({ stack, method: 'mysql' }), fault));
});
