// Many new users, each seen on the other servers in the very next request.
import { expect } from '@jest/globals';
import type { Stack } from '@roam/local-stack';
import { Client } from './browser.js';
import { isRefused } from './retry-refused.js';
import { concurrently } from './concurrently.js';
import { register } from './people.js';

/** Registers this many users, each on one server, and expects the others to know them at once. */
export async function expectNobodyLoggedOut(stack: Stack, users: number): Promise<void> {
  const web = stack.servers.map(({ url }) => url);
  const statuses = await concurrently(users, 4, async (i) => {
    // A server that has too much to do says so, and when to come again: nobody is logged out by that.
    const client = new Client(stack.url, { retryOn: isRefused });
    await register(client, web[i % web.length]);
    const others = [1, 2].map((step) => web[(i + step) % web.length]);
    const answers = [];
    for (const at of others) answers.push((await client.get(`${at}/api/me`)).status);
    return answers;
  });
  expect(statuses.flat().filter((status) => status !== 200)).toEqual([]);
  expect(statuses).toHaveLength(users);
}
