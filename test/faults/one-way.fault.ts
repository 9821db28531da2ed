// One web server leads and the two others follow it: leaders and followers die, freeze, are cut off; nothing is lost.
import { afterAll, beforeAll, describe, it, jest } from '@jest/globals';
import { startStack, type Stack } from '@roam/local-stack';
import { expectHarmless } from './expect-outcome.js';
import { cutFollower, cutLeader, freezeFollower, freezeLeader, killFollower, killLeader } from './leader-nemeses.js';
import { cutBetweenServers } from './method-nemeses.js';
import { methods } from './methods.js';
import { rollingRestart } from './nemeses.js';
import { Scene, type Fault } from './scene.js';

jest.setTimeout(30 * 60_000);

/** Each server leads in turn, so a write waits for the next one several times. */
const handOvers: Fault = { ...rollingRestart, longestWait: 2_000 };

describe('sync, one way', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({ topology: 'single', links: true, env: methods['sync one-way'].env });
  }, 180_000);
  afterAll(() => stack?.stop());

  const faults = [killLeader, killFollower, freezeLeader, freezeFollower, cutLeader, cutFollower, handOvers];
  it.each(faults)('$name', (fault) => expectHarmless(new Scene({ stack, method: 'sync one-way' }), fault));

  // A server on the smaller side shows what it has: what ended on the other side, it hears of when they meet again.
  it(`${cutBetweenServers.name}, the leader on the smaller side too`, () =>
    expectHarmless(new Scene({ stack, method: 'sync one-way', replays: false, ends: false }), cutBetweenServers));
});
