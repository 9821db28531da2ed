// A rolling deploy: servers of the former release and of this one behind one nginx, on the same sessions.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startStack, type Stack } from '@roam/local-stack';
import { join } from 'node:path';
import { Client } from '../support/browser.js';
import { buildFormer, hasCommit } from '../support/former-release.js';
import { register } from '../support/people.js';
import { isRefused } from '../support/retry-refused.js';
import { until } from '../support/until.js';

jest.setTimeout(120_000);

/** The last commit whose sessions every server of this release must read, and the other way round. */
const FORMER = 'cfe664fb943ebf98267d97ba6947891582f27e89';
const THIS = join(import.meta.dirname, '../../apps/web/dist');

const describeMixed = hasCommit(FORMER) ? describe : describe.skip;
if (!hasCommit(FORMER))
  console.warn(`SKIPPED: the test of a rolling deploy needs commit ${FORMER}: fetch the whole history.`);

interface Me {
  readonly session: { readonly expiresAt: number };
  readonly user: { readonly email: string };
}
interface Cart {
  readonly items: Readonly<Record<string, number>>;
}

const methods: Record<string, Record<string, string>> = {
  mysql: {},
  'mysql, read-only in an outage': { SESSION_OUTAGE: 'read-only' },
  cookie: { SESSION_METHOD: 'cookie' },
  sync: { SESSION_METHOD: 'sync' },
  file: { SESSION_METHOD: 'file' },
};

describeMixed.each(Object.entries(methods))('sessions of two releases by %s', (_, env) => {
  let stack: Stack;
  let pairs: [from: string, to: string][];

  beforeAll(async () => {
    const app = [buildFormer(FORMER), THIS];
    stack = await startStack({ servers: 2, topology: 'single', app, env });
    const [former, now] = stack.servers.map(({ name }) => `${stack.url}/_server/${name}`) as [string, string];
    pairs = [
      [former, now],
      [now, former],
    ];
  }, 300_000);
  afterAll(() => stack?.stop());

  const newClient = () => new Client(stack.url, { retryOn: isRefused });

  it('are read, changed and ended by both', async () => {
    for (const [from, to] of pairs) {
      const client = newClient();
      await client.put(`${from}/api/cart/apple`, { quantity: 2 });
      const { email } = await register(client, from);
      const [first, second] = [await client.get(`${from}/api/me`), await client.get(`${to}/api/me`)];
      expect(second.json<Me>()).toMatchObject({ user: { email } });
      expect(second.json<Me>().session.expiresAt).toBe(first.json<Me>().session.expiresAt);
      expect((await client.put(`${to}/api/cart/pear`, { quantity: 1 })).status).toBe(200);
      expect((await client.get(`${from}/api/cart`)).json<Cart>()).toEqual({ items: { apple: 2, pear: 1 } });
      const copy = client.copy();
      expect((await client.post(`${to}/api/logout`)).status).toBe(204);
      // By "cookie" another server hears of it within a second.
      for (const at of [from, to])
        await until('the sign-out counts', async () => (await copy.get(`${at}/api/me`)).status === 401);
    }
  });

  it('stay signed in, by cookies that either has set', async () => {
    for (const [from, to] of pairs) {
      const client = newClient();
      const person = await register(client, from);
      expect((await client.post(`${from}/api/logout`)).status).toBe(204);
      expect((await client.post(`${from}/api/login`, { ...person, remember: true })).status).toBe(200);
      for (const at of [to, from, to]) expect((await client.get(`${at}/api/me`)).status).toBe(200);
    }
  });

  it('take the forms of both', async () => {
    for (const [from, to] of pairs) {
      const client = newClient();
      const page = (await client.get(`${from}/`)).text;
      const _csrf = /name="_csrf" value="([^"]+)"/.exec(page)![1];
      const form = new URLSearchParams({ item: 'apple', quantity: '3', _csrf });
      expect((await client.post(`${to}/`, form)).status).toBe(303);
      expect((await client.get(`${from}/api/cart`)).json<Cart>()).toEqual({ items: { apple: 3 } });
    }
  });
});
