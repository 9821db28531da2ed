// A person moves between three web servers over three writable MySQL servers, and stays logged in.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startStack, type Stack } from '@roam/local-stack';
import { Client, type Cart, type User } from '../support/client.js';
import { concurrently } from '../support/concurrently.js';
import { expectNobodyLoggedOut } from '../support/moving-users.js';

jest.setTimeout(120_000);

let stack: Stack;
let web: [string, string, string];

beforeAll(async () => {
  stack = await startStack({ servers: 3, databases: 3, topology: 'multi-primary' });
  web = stack.servers.map(({ url }) => url) as [string, string, string];
}, 180_000);
afterAll(() => stack?.stop());

interface Me {
  user: User;
  server: string;
  session: { method: string; createdAt: string; idleExpiresAt: string; expiresAt: string };
}

describe('moving between servers', () => {
  it('a person who registers on web1 is known on web2 and web3 at the next request', async () => {
    const client = new Client(stack.url);
    const { email } = await client.register(web[0]);
    for (const [index, at] of [...web, web[0]].entries()) {
      const { status, body, server } = await client.get<Me>('/api/me', at);
      expect(status).toBe(200);
      expect(body.user.email).toBe(email);
      expect(server).toBe(`web${(index % 3) + 1}`);
      expect(body.session.method).toBe('mysql');
    }
  });

  it('200 new users read /api/me on the two other servers in the very next request', () =>
    expectNobodyLoggedOut(stack, 200));

  it('nginx spreads the requests, and /_server/NAME asks for one server', async () => {
    const client = new Client(stack.url);
    await client.register();
    const servers = new Set<string | null>();
    for (let i = 0; i < 12; i++) servers.add((await client.get('/api/me')).server);
    expect(servers).toEqual(new Set(['web1', 'web2', 'web3']));
    for (const { name } of stack.servers) {
      const answer = await client.get<Me>(`/_server/${name}/api/me`);
      expect([answer.status, answer.server]).toEqual([200, name]);
    }
  });

  it('the cart of a visitor moves along and is kept over login', async () => {
    const client = new Client(stack.url);
    await client.put('/api/cart/apple', { quantity: 2 }, web[0]);
    const before = client.copy();
    await client.register(web[1]);
    expect((await client.get<Cart>('/api/cart', web[2])).body).toEqual({ items: { apple: 2 } });
    expect((await before.get<Cart>('/api/cart', web[0])).body).toEqual({ items: {} });
  });
});

describe('no lost update', () => {
  it('100 pairs of cart writes to different items on two servers at once lose none', async () => {
    const client = new Client(stack.url);
    await client.register();
    for (let pair = 0; pair < 100; pair++) {
      const [one, two] = await Promise.all([
        client.copy().put<Cart>(`/api/cart/left${pair}`, { quantity: 1 }, web[pair % 3]),
        client.copy().put<Cart>(`/api/cart/right${pair}`, { quantity: 1 }, web[(pair + 1) % 3]),
      ]);
      expect([one.status, two.status]).toEqual([200, 200]);
    }
    const { items } = (await client.get<Cart>('/api/cart', web[2])).body;
    expect(Object.keys(items)).toHaveLength(200);
  });
});

describe('no revival', () => {
  it('after 100 logouts during concurrent writes on all servers no session is alive on any server', async () => {
    const alive = await concurrently(100, 4, async (i) => {
      const client = new Client(stack.url);
      await client.put('/api/cart/apple', { quantity: 1 }, web[i % 3]);
      await client.register(web[i % 3]);
      const writers = web.map((at, n) => client.copy().put(`/api/cart/item${n}`, { quantity: n + 1 }, at));
      const leaving = client.copy();
      const logout = await leaving.post('/api/logout', undefined, web[(i + 1) % 3]);
      expect(logout.status).toBe(204);
      const answers = await Promise.all(web.map((at) => client.copy().get('/api/me', at)));
      for (const { status } of await Promise.all(writers)) expect([200, 401]).toContain(status);
      const later = await Promise.all(web.map((at) => client.copy().get('/api/me', at)));
      return [...answers, ...later].filter(({ status }) => status !== 401).length;
    });
    expect(alive.filter((count) => count > 0)).toEqual([]);
  });

  it('logout answers 204 to whoever asks, and expires the cookies by name', async () => {
    const client = new Client(stack.url);
    const { status, headers } = await client.post('/api/logout');
    expect(status).toBe(204);
    expect(headers.get('clear-site-data')).toBe('"storage"');
    expect(headers.getSetCookie().join('\n')).toMatch(/^sid=;.*Max-Age=0[^]*^mark=;.*Max-Age=0/m);
  });
});

describe("a user's devices", () => {
  interface Device {
    handle: string;
    current: boolean;
  }

  it('are listed on every server, ended from one, and gone on all', async () => {
    const phone = new Client(stack.url);
    const person = await phone.register(web[0]);
    const laptop = new Client(stack.url);
    expect((await laptop.post('/api/login', person, web[1])).status).toBe(200);
    const listed = await laptop.get<Device[]>('/api/sessions', web[2]);
    expect(listed.body.map(({ current }) => current).sort()).toEqual([false, true]);
    const other = listed.body.find(({ current }) => !current)!;
    expect((await laptop.delete(`/api/sessions/${other.handle}`, web[2])).status).toBe(204);
    for (const at of web) {
      expect((await phone.copy().get('/api/me', at)).status).toBe(401);
      expect((await laptop.get('/api/me', at)).status).toBe(200);
    }
  });

  it('all but the current one end at once, on every server', async () => {
    const current = new Client(stack.url);
    const person = await current.register(web[0]);
    const others = [new Client(stack.url), new Client(stack.url)];
    for (const [i, other] of others.entries()) await other.post('/api/login', person, web[i]);
    expect((await current.delete('/api/sessions', web[1])).status).toBe(204);
    for (const at of web) {
      for (const other of others) expect((await other.copy().get('/api/me', at)).status).toBe(401);
      expect((await current.get('/api/me', at)).status).toBe(200);
    }
  });
});
