// A person moves between three web servers over three writable MySQL servers, and stays logged in.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startStack, type Stack } from '@roam/local-stack';
import { Client } from '../support/browser.js';
import { isRefused } from '../support/retry-refused.js';
import { concurrently } from '../support/concurrently.js';
import { killDatabase, killServer } from '../faults/nemeses.js';
import { Scene } from '../faults/scene.js';
import { expectNobodyLoggedOut } from '../support/moving-users.js';
import { register } from '../support/people.js';

jest.setTimeout(120_000);

let stack: Stack;
let web: [string, string, string];

beforeAll(async () => {
  stack = await startStack({ servers: 3, databases: 3, topology: 'multi-primary' });
  web = stack.servers.map(({ url }) => url) as [string, string, string];
}, 180_000);
afterAll(() => stack?.stop());

interface Me {
  user: { email: string };
  session: { method: string };
}
interface Cart {
  items: Record<string, number>;
}
interface Device {
  handle: string;
  current: boolean;
}

/** Nothing is down in these tests: a refused request met a server that was paused for a moment, and is retried. */
const newClient = () => new Client(stack.url, { retryOn: isRefused });
const me = (client: Client, at = stack.url) => client.get(`${at}/api/me`);
const put = (client: Client, item: string, quantity: number, at: string) =>
  client.put(`${at}/api/cart/${item}`, { quantity });
const cart = async (client: Client, at: string) => (await client.get(`${at}/api/cart`)).json<Cart>().items;

describe('moving between servers', () => {
  it('a person who registers on web1 is known on web2 and web3 at the next request', async () => {
    const client = newClient();
    const { email } = await register(client, web[0]);
    for (const [index, at] of [...web, web[0]].entries()) {
      const answer = await me(client, at);
      expect([answer.status, answer.server]).toEqual([200, `web${(index % 3) + 1}`]);
      expect(answer.json<Me>()).toMatchObject({ user: { email }, session: { method: 'mysql' } });
    }
  });

  it('200 new users read /api/me on the two other servers in the very next request', () =>
    expectNobodyLoggedOut(stack, 200));

  it('nginx spreads the requests, and /_server/NAME asks for one server', async () => {
    const client = newClient();
    await register(client);
    const servers = new Set<string | undefined>();
    for (let i = 0; i < 12; i++) servers.add((await me(client)).server);
    expect(servers).toEqual(new Set(['web1', 'web2', 'web3']));
    for (const { name } of stack.servers) {
      const answer = await me(client, `${stack.url}/_server/${name}`);
      expect([answer.status, answer.server]).toEqual([200, name]);
    }
  });

  it('the cart of a visitor moves along and is kept over login', async () => {
    const client = newClient();
    await put(client, 'apple', 2, web[0]);
    const before = client.copy();
    await register(client, web[1]);
    expect(await cart(client, web[2])).toEqual({ apple: 2 });
    expect(await cart(before, web[0])).toEqual({});
  });
});

describe('no lost update', () => {
  it('100 pairs of cart writes to different items on two servers at once lose none', async () => {
    const client = newClient();
    await register(client);
    for (let pair = 0; pair < 100; pair++) {
      const answers = await Promise.all([
        put(client.copy(), `left${pair}`, 1, web[pair % 3]),
        put(client.copy(), `right${pair}`, 1, web[(pair + 1) % 3]),
      ]);
      expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    }
    expect(Object.keys(await cart(client, web[2]))).toHaveLength(200);
  });
});

describe('no revival', () => {
  it('after 100 logouts during concurrent writes on all servers no session is alive on any server', async () => {
    const alive = await concurrently(100, 4, async (i) => {
      const client = newClient();
      await put(client, 'apple', 1, web[i % 3]);
      await register(client, web[i % 3]);
      const writers = web.map((at, n) => put(client.copy(), `item${n}`, n + 1, at));
      const logout = await client.copy().post(`${web[(i + 1) % 3]}/api/logout`);
      expect(logout.status).toBe(204);
      const atOnce = await Promise.all(web.map((at) => me(client.copy(), at)));
      for (const { status } of await Promise.all(writers)) expect([200, 401]).toContain(status);
      const later = await Promise.all(web.map((at) => me(client.copy(), at)));
      return [...atOnce, ...later].filter(({ status }) => status !== 401).length;
    });
    expect(alive.filter((count) => count > 0)).toEqual([]);
  });

  it('logout answers 204 to whoever asks, and expires the cookies by name', async () => {
    const { status, headers, setCookies } = await newClient().post('/api/logout');
    expect([status, headers['clear-site-data']]).toEqual([204, '"storage"']);
    for (const name of ['sid', 'mark']) {
      expect(setCookies).toContainEqual(expect.stringMatching(new RegExp(`^${name}=;.*Max-Age=0`)));
    }
  });
});

describe("a user's devices", () => {
  it('are listed on every server, ended from one, and gone on all', async () => {
    const [phone, laptop] = [newClient(), newClient()];
    const person = await register(phone, web[0]);
    expect((await laptop.post(`${web[1]}/api/login`, person)).status).toBe(200);
    const devices = (await laptop.get(`${web[2]}/api/sessions`)).json<Device[]>();
    expect(devices.map(({ current }) => current).sort()).toEqual([false, true]);
    const other = devices.find(({ current }) => !current)!;
    expect((await laptop.delete(`${web[2]}/api/sessions/${other.handle}`)).status).toBe(204);
    for (const at of web) {
      expect((await me(phone.copy(), at)).status).toBe(401);
      expect((await me(laptop, at)).status).toBe(200);
    }
  });

  it('all but the current one end at once, on every server', async () => {
    const current = newClient();
    const person = await register(current, web[0]);
    const others = [newClient(), newClient()];
    for (const [i, other] of others.entries()) await other.post(`${web[i]}/api/login`, person);
    expect((await current.delete(`${web[1]}/api/sessions`)).status).toBe(204);
    for (const at of web) {
      for (const other of others) expect((await me(other.copy(), at)).status).toBe(401);
      expect((await me(current, at)).status).toBe(200);
    }
  });
});

// The short form of `npm run test:faults`: few users, so that it holds on any machine.
describe.each([killServer, killDatabase])('$name', (fault) => {
  it('loses and undoes nothing, logs nobody out, and at most asks to come again', async () => {
    const scene = new Scene({ stack, method: 'mysql', users: 12, perSecond: 50 });
    const { broken, failures } = await scene.run(fault);
    expect(broken).toBeUndefined();
    expect(failures.filter((failure) => !failure.includes('unknown 503'))).toEqual([]);
  });
});
