// MySQL is gone for a while: what people who are signed in can go on doing, by each outage policy.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startStack, type Database, type Stack } from '@roam/local-stack';
import { setTimeout as sleep } from 'node:timers/promises';
import { DeadlineClock } from '../../libs/mysql-cluster/src/deadline-clock.js';
import { Client, type Answer } from '../support/browser.js';
import { isBusy } from '../support/retry-refused.js';
import { register } from '../support/people.js';
import { until } from '../support/until.js';

jest.setTimeout(120_000);

let stack: Stack;
let database: Database;
beforeAll(async () => {
  stack = await startStack({ topology: 'single', servers: 2, env: { SESSION_OUTAGE: 'read-only' } });
  database = stack.databases.nodes[0]!;
});
// As the cluster's own deadlines: what this process itself stood still for does not count.
const clock = new DeadlineClock(Infinity, () => undefined);
afterAll(async () => {
  clock.close();
  await stack?.stop();
});

/** Reading goes on for longer than a server stays on its port without a store (2 s). */
const outageMs = 4_000;

const put = (client: Client, quantity: number) => client.put('/api/cart/apple', { quantity });
const isBack = (client: Client) => async () => (await put(client, 2)).status === 200;

async function timed(act: () => Promise<Answer>): Promise<Answer & { readonly ms: number }> {
  const begin = clock.now();
  const answer = await act();
  return { ...answer, ms: clock.now() - begin };
}

describe('while MySQL is down', () => {
  it('read-only: every read is answered within a second, writes are refused, and a logout waits', async () => {
    const client = new Client(stack.url);
    const leaving = new Client(stack.url);
    const person = await register(client);
    await register(leaving);
    await put(client, 1);
    const fresh = await client.get('/api/me');
    expect(fresh.json<{ session: object }>().session).not.toHaveProperty('asOf');
    expect(fresh.setCookies).toEqual([]);
    expect(fresh.headers).not.toHaveProperty('x-session-as-of');

    await database.kill();
    const [reads, writes]: [(Answer & { ms: number })[], (Answer & { ms: number })[]] = [[], []];
    let refused = 0;
    /** What a server refuses because it stood still says nothing of the outage: it is asked again, a few times in all. */
    const answerOf = async (act: () => Promise<Answer>) => {
      let answer = await timed(act);
      for (; isBusy(answer) && refused < 10; refused++) answer = await timed(act);
      return answer;
    };
    const end = Date.now() + outageMs;
    while (Date.now() < end) {
      for (const path of ['/api/me', '/api/cart', '/account', '/']) reads.push(await answerOf(() => client.get(path)));
      const visitor = new Client(stack.url);
      const { email, password } = person;
      writes.push(await answerOf(() => put(client, 5)));
      writes.push(await answerOf(() => visitor.post('/api/login', { email, password })));
      await sleep(20);
    }
    expect(new Set(reads.map(({ status }) => status))).toEqual(new Set([200]));
    expect(Math.max(...reads.map(({ ms }) => ms))).toBeLessThan(1_000);
    // Each server waits for MySQL in vain three times; then it knows.
    expect(reads.filter(({ ms }) => ms > 250).length).toBeLessThanOrEqual(6 + reads.length / 10);
    const me = reads.findLast(({ text }) => text.startsWith('{"user"'))!.json<Me>();
    expect([me.user.email, typeof me.session.asOf]).toEqual([person.email, 'number']);
    const cart = reads.findLast(({ text }) => text.includes('"items"'))!;
    expect(cart.json()).toEqual({ items: { apple: 1 } });
    expect(Date.parse(String(cart.headers['x-session-as-of']))).toBeLessThan(Date.now());
    expect(new Set(writes.map(({ status }) => status))).toEqual(new Set([503]));
    expect(Math.max(...writes.map(({ ms }) => ms))).toBeLessThan(1_500);
    for (const { headers } of writes) expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    expect(writes.at(-2)!.json()).toMatchObject({ error: { code: 'outage' } });
    console.log(
      `read-only outage: ${reads.length} reads, slowest ${Math.round(Math.max(...reads.map(({ ms }) => ms)))} ms, ` +
        `median ${Math.round(reads.map(({ ms }) => ms).sort((a, b) => a - b)[reads.length >> 1])} ms`,
    );

    const stolen = leaving.copy();
    const server = '/_server/web1';
    expect((await leaving.get(`${server}/account`)).text).toContain('read-only at the moment');
    const logout = await leaving.post(`${server}/api/logout`);
    expect([logout.status, logout.json()]).toEqual([202, { logout: 'pending' }]);
    expect([...leaving.cookies.keys()].filter((name) => !['csrf', 'device'].includes(name))).toEqual([]);
    expect((await stolen.get(`${server}/api/me`)).status).toBe(401);

    await database.start();
    await until('writes again', isBack(client));
    for (const { name } of stack.servers) {
      await until(`${name} reads the database again`, async () => {
        const after = (await client.get(`/_server/${name}/api/me`)).json<Me>();
        return after.user.email === person.email && after.session.asOf === undefined;
      });
    }
    await until('the logout that waited', async () => (await stolen.get('/_server/web2/api/me')).status === 401);
  });

  it('deny: 503 with Retry-After and never a login page, and nobody is signed out', async () => {
    await Promise.all(
      stack.servers.map(async (server) => {
        await server.stop();
        server.configure({ SESSION_OUTAGE: 'deny' });
        await server.start();
      }),
    );
    const client = new Client(stack.url);
    const person = await register(client);
    await database.kill();
    const answers: (Answer & { ms: number })[] = [];
    const end = Date.now() + outageMs;
    while (Date.now() < end) {
      for (const path of ['/api/me', '/account']) answers.push(await timed(() => client.get(path)));
      answers.push(await timed(() => put(client, 5)), await timed(() => client.post('/api/logout')));
      await sleep(20);
    }
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]));
    for (const { headers, setCookies, text } of answers) {
      expect(Number(headers['retry-after'])).toBeGreaterThan(0);
      expect(setCookies).toEqual([]);
      expect(text).not.toContain('password');
    }
    expect(Math.max(...answers.map(({ ms }) => ms))).toBeLessThan(1_000);
    await database.start();
    await until('writes again', isBack(client));
    expect((await client.get('/api/me')).json<Me>().user.email).toBe(person.email);
  });
});

interface Me {
  readonly user: { readonly email: string };
  readonly session: { readonly asOf?: number };
}
