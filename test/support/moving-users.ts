// Many new users, each seen on the other servers in the very next request.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '@jest/globals';
import type { Stack } from '@roam/local-stack';
import { Client } from './browser.js';
import { concurrently } from './concurrently.js';
import { register } from './people.js';

/** Registers this many users, each on one server, and expects the others to know them at once. */
export async function expectNobodyLoggedOut(stack: Stack, users: number): Promise<void> {
  const web = stack.servers.map(({ url }) => url);
  let refused = 0;
  const statuses = await concurrently(users, 4, async (i) => {
    const client = new Client(stack.url);
    await register(client, web[i % web.length]);
    const others = [1, 2].map((step) => web[(i + step) % web.length]);
    const answers = [];
    for (const at of others) {
      let { status } = await client.get(`${at}/api/me`);
      // A server that has too much to do says so, and when to come again: nobody is logged out by that.
      for (let attempt = 0; status === 503 && attempt < 3; attempt++) {
        refused++;
        await sleep(1000);
        ({ status } = await client.get(`${at}/api/me`));
      }
      answers.push(status);
    }
    return answers;
  });
  expect(statuses.flat().filter((status) => status !== 200)).toEqual([]);
  expect(statuses).toHaveLength(users);
  expect(refused).toBeLessThanOrEqual(users / 50);
}
