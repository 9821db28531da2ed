// The same journey by every other method: the app and the test are the same, only SESSION_METHOD differs.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { leaderOf, startStack, type Stack, type WebServer } from '@roam/local-stack';
import { Client } from '../support/browser.js';
import { isBusy, isRefused } from '../support/retry-refused.js';
import { concurrently } from '../support/concurrently.js';
import { register } from '../support/people.js';
import { until } from '../support/until.js';

jest.setTimeout(120_000);

interface Row {
  readonly name: string;
  readonly method: string;
  /** The web server that takes the writes of all at first, and its successors. */
  readonly order?: readonly string[];
  /** Two servers' writes to different keys at the same moment are both kept. */
  readonly merges: boolean;
  readonly lists: boolean;
  /** Goes on while every MySQL server is down. */
  readonly withoutMysql: boolean;
  /** Where else web1 says that sessions are kept. */
  readonly places: readonly string[];
  /** What the pages say that it cannot do. */
  readonly says: RegExp;
}

const rows: Row[] = [
  {
    name: 'cookie',
    method: 'cookie',
    merges: false,
    lists: false,
    withoutMysql: false,
    places: [],
    says: /up to 1 s.*one may be lost/s,
  },
  {
    name: 'sync',
    method: 'sync',
    merges: true,
    lists: true,
    withoutMysql: true,
    places: ['web2', 'web3'],
    says: /only the later change counts/,
  },
  {
    name: 'sync one-way',
    method: 'sync',
    order: ['web1', 'web2', 'web3'],
    merges: true,
    lists: true,
    withoutMysql: true,
    places: ['web2', 'web3'],
    says: /only the later change counts/,
  },
  {
    name: 'file',
    method: 'file',
    merges: true,
    lists: true,
    withoutMysql: true,
    places: ['mount1', 'mount2'],
    says: /only the later change counts/,
  },
];

interface Cart {
  readonly items: Readonly<Record<string, number>>;
}

describe.each(rows)('sessions by $name', ({ method, order, merges, lists, withoutMysql, places, says }) => {
  let stack: Stack;
  let web: string[];

  beforeAll(async () => {
    const direction = order && { SYNC_DIRECTION: `one-way:${order.join()}` };
    stack = await startStack({ servers: 3, topology: 'single', env: { SESSION_METHOD: method, ...direction } });
    web = stack.servers.map(({ url }) => url);
  }, 180_000);
  afterAll(() => stack?.stop());

  /** A request that is refused while nothing is down met a server that was paused for a moment, and is retried. */
  const newClient = (retryOn = isRefused) => new Client(stack.url, { retryOn });
  const me = (client: Client, at: string) => client.get(`${at}/api/me`);
  const cart = async (client: Client, at: string) => (await client.get(`${at}/api/cart`)).json<Cart>().items;
  /** The web server that leads, as one that can be asked says. */
  const leading = async () => {
    let leader: WebServer | undefined;
    await until('a web server leads', async () => {
      const name = await leaderOf(stack);
      leader = stack.servers.find((server) => server.name === name && server.pid !== null);
      return leader !== undefined;
    });
    return leader!;
  };
  const expectDead = async (client: Client, servers = web) => {
    for (const at of servers) {
      // The last time it is asked is after that, however long an answer takes.
      const end = Date.now() + (method === 'cookie' ? 1000 : 1);
      let status = 0;
      for (let asked = 0; status !== 401 && asked < end; await sleep(25)) {
        asked = Date.now();
        ({ status } = await me(client.copy(), at));
      }
      expect(status).toBe(401);
    }
  };

  it('200 users who change the server at every request are never logged out, and lose nothing', async () => {
    const faults = await concurrently(200, 4, async (i) => {
      const client = newClient();
      const server = (hop: number) => web[(i + hop) % web.length];
      await client.put(`${server(0)}/api/cart/before`, { quantity: 1 });
      await register(client, server(1));
      const seen: unknown[] = [];
      for (let hop = 2; hop < 8; hop++) {
        const { status } = await me(client, server(hop));
        const change = await client.put(`${server(hop + 1)}/api/cart/item${hop}`, { quantity: hop });
        if (status !== 200 || change.status !== 200) seen.push([hop, status, change.status]);
      }
      const items = await cart(client, server(9));
      if (Object.keys(items).length !== 7) seen.push(items);
      client.close();
      return seen;
    });
    expect(faults.flat()).toEqual([]);
  });

  it('two servers that write at once keep both, or the pages say that they may not', async () => {
    const client = newClient();
    await register(client, web[0]);
    for (let pair = 0; pair < 20; pair++) {
      const copies = [client.copy(), client.copy()];
      const writes = copies.map((copy, n) =>
        copy.put(`${web[(pair + n) % 3]}/api/cart/n${pair}-${n}`, { quantity: 1 }),
      );
      expect((await Promise.all(writes)).map(({ status }) => status)).toEqual([200, 200]);
      // A browser keeps what the last response said.
      for (const [name, value] of copies[1].cookies) client.cookies.set(name, value);
    }
    const kept = Object.keys(await cart(client, web[0]));
    if (merges) expect(kept).toHaveLength(40);
    else expect(kept.length).toBeGreaterThanOrEqual(20);
    expect((await client.get(`${web[1]}/account`)).text).toMatch(says);
  });

  it('the page of the cluster shows where sessions are kept, and how that is', async () => {
    const page = (await newClient().get(`${web[0]}/cluster`)).text;
    const [, table = ''] = /id="places">(.*?)<\/ul>/s.exec(page) ?? [];
    const shown = [...table.matchAll(/<strong>(\w+)<\/strong><\/div><div><span class="state (\w+)">/g)];
    expect(shown.map(([, name, state]) => [name, state])).toEqual(places.map((name) => [name, 'online']));
    for (const name of places) expect(page).toMatch(new RegExp(`data-way="server:web1 (server|mount):${name}"`));
  });

  it('a logout is one on every server, also for a copy of the cookies', async () => {
    for (let round = 0; round < 5; round++) {
      const client = newClient();
      await register(client, web[round % 3]);
      const stolen = client.copy();
      for (const at of web) expect((await me(stolen, at)).status).toBe(200);
      expect((await client.post(`${web[(round + 1) % 3]}/api/logout`)).status).toBe(204);
      await expectDead(stolen);
    }
  });

  it('devices are listed and ended, or the answer says why not; all others end in any case', async () => {
    const [phone, laptop] = [newClient(), newClient()];
    const person = await register(phone, web[0]);
    expect((await laptop.post(`${web[1]}/api/login`, person)).status).toBe(200);
    const answer = await laptop.get(`${web[2]}/api/sessions`);
    expect(answer.status).toBe(lists ? 200 : 501);
    if (lists) expect(answer.json<unknown[]>()).toHaveLength(2);
    else expect(answer.text).toContain('cannot list');
    expect((await laptop.get(`${web[0]}/account/sessions`)).status).toBe(200);
    expect((await laptop.delete(`${web[2]}/api/sessions`)).status).toBe(204);
    await expectDead(phone);
    for (const at of web) expect((await me(laptop, at)).status).toBe(200);
  });

  it('the death of the server that took the login and a write logs nobody out and loses nothing', async () => {
    const client = newClient(isBusy);
    await register(client, web[0]);
    expect((await client.put(`${web[0]}/api/cart/pear`, { quantity: 4 })).status).toBe(200);
    await stack.servers[0].kill();
    for (const at of web.slice(1)) expect(await cart(client, at)).toEqual({ pear: 4 });
    for (let i = 0; i < 10; i++) expect((await me(client, stack.url)).status).toBe(200);
    expect((await client.put(`${stack.url}/api/cart/plum`, { quantity: 1 })).status).toBe(200);
    await stack.servers[0].start();
    expect(await cart(client, web[0])).toEqual({ pear: 4, plum: 1 });
  });

  it('a restart of all web servers logs nobody out', async () => {
    const client = newClient();
    await register(client, web[0]);
    const left = client.copy();
    await client.post(`${web[1]}/api/logout`);
    const person = newClient();
    await register(person, web[2]);
    await Promise.all(stack.servers.map((server) => server.stop()));
    await Promise.all(stack.servers.map((server) => server.start()));
    for (const at of web) expect((await me(person, at)).status).toBe(200);
    await expectDead(left);
  });

  if (order)
    it('each server leads when the one before it is gone, and nothing is lost', async () => {
      const client = newClient(isBusy);
      await register(client, stack.url);
      const leaders = new Set<string>();
      for (let round = 1; round <= order.length; round++) {
        const leader = await leading();
        leaders.add(leader.name);
        // The last write before its death, and the first one after it.
        expect((await client.put(`${leader.url}/api/cart/before`, { quantity: round })).status).toBe(200);
        await leader.kill();
        expect((await client.put(`${stack.url}/api/cart/after`, { quantity: round })).status).toBe(200);
        const next = await leading();
        expect(next.name).not.toBe(leader.name);
        expect((await client.get(`${next.url}/cluster`)).text).toContain(`${next.name} leads`);
        for (const { name, url } of stack.servers)
          if (name !== leader.name) expect(await cart(client, url)).toEqual({ before: round, after: round });
        await leader.start();
        expect(await cart(client, leader.url)).toEqual({ before: round, after: round });
      }
      expect(leaders.size).toBeGreaterThan(1);
    });

  if (withoutMysql)
    it('whoever is signed in goes on while MySQL is down, and writes', async () => {
      const client = newClient(isBusy);
      await register(client, web[0]);
      const [database] = stack.databases.nodes;
      await database.kill();
      try {
        const end = Date.now() + 4000;
        for (let i = 0; Date.now() < end; i++) {
          expect((await client.put(`${stack.url}/api/cart/n${i % 20}`, { quantity: 1 + (i % 9) })).status).toBe(200);
          expect((await me(client, stack.url)).status).toBe(200);
          await sleep(50);
        }
        const stolen = client.copy();
        expect((await client.post(`${stack.url}/api/logout`)).status).toBe(204);
        await expectDead(stolen);
      } finally {
        await database.start();
      }
    });
});
