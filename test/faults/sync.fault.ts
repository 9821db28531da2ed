// Sessions in the memory of three web servers, nginx, one MySQL server: servers die, freeze, are cut off, have other clocks.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startStack, type Stack } from '@roam/local-stack';
import { Client } from '../support/browser.js';
import { expectHarmless } from './expect-outcome.js';
import { cutBetweenServers, killDatabases, leaveAndJoin, shiftClocks } from './method-nemeses.js';
import { freezeServer, killServer, rollingRestart } from './nemeses.js';
import { cutServer } from './network-nemeses.js';
import { rounds } from './settings.js';
import { Scene } from './scene.js';

/** How soon after its answer the server that gave it dies. */
const BRIEFLY_MS = 50;
const LOGINS = 6 * rounds;
const LONGEST_WAIT_MS = 1_000;

jest.setTimeout(30 * 60_000);

describe('sync', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({ topology: 'single', links: true, env: { SESSION_METHOD: 'sync' } });
  }, 180_000);
  afterAll(() => stack?.stop());

  const faults = [killServer, rollingRestart, leaveAndJoin, freezeServer, cutServer, killDatabases, shiftClocks];
  it.each(faults)('$name', (fault) => expectHarmless(new Scene({ stack, method: 'sync' }), fault));

  // What ended on one side, the other hears of when they have met again: see docs/sync.md.
  it(cutBetweenServers.name, () =>
    expectHarmless(new Scene({ stack, method: 'sync', replays: false, ends: false }), cutBetweenServers),
  );

  it('keeps a login whose server is killed 50 ms after its answer', async () => {
    const scene = new Scene({ stack, method: 'sync' });
    const ask = async (client: Client, path: string) => {
      const begun = performance.now();
      const answer = await client.get(stack.url + path);
      expect(performance.now() - begun).toBeLessThan(LONGEST_WAIT_MS);
      expect(answer.status).toBe(200);
      return answer;
    };
    const credentials = { email: `${Date.now()}@example.org`, password: 'a passphrase of many logins' };
    const newcomer = new Client(stack.url);
    const registered = await newcomer.post(`${stack.url}/api/register`, { ...credentials, name: 'Many' });
    expect(registered.status).toBe(201);
    newcomer.close();
    for (let i = 0; i < LOGINS; i++) {
      const server = stack.servers[i % stack.servers.length];
      const client = new Client(stack.url);
      expect((await client.put(`${server.url}/api/cart/apple`, { quantity: i + 1 })).status).toBe(200);
      expect((await client.post(`${server.url}/api/login`, credentials)).status).toBe(200);
      await sleep(BRIEFLY_MS);
      await server.kill();
      const seen = async () => {
        // Often enough to come by each server.
        for (let n = 0; n < 2 * stack.servers.length; n++) {
          await ask(client, '/api/me');
          expect((await ask(client, '/api/cart')).json()).toEqual({ items: { apple: i + 1 } });
        }
      };
      await seen();
      await server.start();
      await scene.untilRecovered();
      await seen();
      client.close();
    }
  });
});
