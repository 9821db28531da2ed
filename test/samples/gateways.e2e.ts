// Gateways of three servers behind nginx, without sticky sessions: with `ws` and socket.io, with every method.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { PortReservation, startDatabases, type Databases } from '@roam/local-stack';
import {
  connect,
  nextClose,
  type ClientOptions,
  type GatewayClient,
  type Library,
} from '../support/gateway-clients.js';
import { Browser, startGatewaySite, type GatewaySite } from '../support/gateway-site.js';
import { until } from '../support/until.js';
import type { SessionSettings } from './gateways/settings.js';

jest.setTimeout(90_000);

let databases: Databases;
const reservation = new PortReservation();
const folder = mkdtempSync(join(tmpdir(), 'roam-gateways-'));
beforeAll(async () => {
  databases = await startDatabases({ count: 1, topology: 'single' });
}, 180_000);
afterAll(async () => {
  await databases?.stop();
  reservation.release();
  rmSync(folder, { recursive: true, force: true });
});

const three = (own: () => SessionSettings) => [own(), own(), own()];
const methods: Record<string, () => Promise<SessionSettings[]>> = {
  mysql: async () => three(() => ({ method: 'mysql', urls: databases.urls })),
  cookie: async () => three(() => ({ method: 'cookie', urls: databases.urls })),
  file: async () => three(() => ({ method: 'file', dir: folder })),
  sync: async () => {
    const ports = [await reservation.next(), await reservation.next(), await reservation.next()];
    const peersOf = (port: number) => ports.filter((other) => other !== port).map((other) => `127.0.0.1:${other}`);
    return ports.map((port) => ({ method: 'sync', port, peers: peersOf(port) }));
  },
};

describe.each<[string, Library]>([
  ['mysql', 'ws'],
  ['mysql', 'socket.io'],
  ['file', 'socket.io'],
  ['sync', 'ws'],
  ['cookie', 'ws'],
])('a gateway: sessions by %s, sockets by %s', (method, library) => {
  /** The browser holds the session itself, so that a socket cannot change it. */
  const isReadOnly = method === 'cookie';
  const isAtomic = method === 'mysql' || method === 'file';
  const refusal = { exception: { status: 'error' } };
  let site: GatewaySite;
  const clients: GatewayClient[] = [];
  beforeAll(async () => {
    site = await startGatewaySite(library, await methods[method]());
  }, 60_000);
  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
  });
  afterAll(() => site?.stop());

  const open = (options: ClientOptions) => {
    const client = connect(library, site.url, options);
    clients.push(client);
    return client;
  };
  let users = 0;
  /** A user who has signed in on one of the servers. */
  async function signIn() {
    const browser = new Browser();
    const user = `user-${method}-${++users}`;
    const { id } = await browser.send('POST', `${site.url}/login/${user}`);
    return { browser, user, id: id as string };
  }
  const welcome = (client: GatewayClient, count = 1) =>
    until('a welcome', async () => client.welcomes.length >= count).then(() => client.welcomes.at(-1)!);

  it('gives a user the session, for the first message too', async () => {
    const { browser, user } = await signIn();
    const client = open({ cookie: browser.cookie, origin: site.url, asksAtOnce: 'read' });
    expect(await welcome(client)).toMatchObject({ user });
    expect(await client.ask('read')).toMatchObject(isReadOnly ? refusal : { user });
  });

  it('shows what it has changed to requests on the other servers, and sees what they have', async () => {
    const { browser, user } = await signIn();
    const client = open({ cookie: browser.cookie });
    const { server } = await welcome(client);
    const asked = [await client.ask('note'), await client.ask('note')];
    expect(asked).toMatchObject(isAtomic ? [1, 2] : [refusal, refusal]);
    if (isReadOnly) return expect(await client.ask('pin')).toMatchObject(refusal);
    expect(await client.ask('pin')).toBe(true);
    const { url } = site.other(server);
    const expected = { user, pinned: true, ...(isAtomic && { notes: 2 }) };
    await until('it on another server', async () => (await browser.send('GET', `${url}/me`)).pinned === true);
    expect(await browser.send('GET', `${url}/me`)).toMatchObject(expected);
    await browser.send('POST', `${url}/visit`);
    await until('the change', async () => ((await client.ask('read')) as { visited?: boolean }).visited === true);
    expect(await client.ask('read')).toEqual({ ...expected, visited: true });
  });

  it('ends with the session, which a request on another server ends', async () => {
    const { browser, id } = await signIn();
    const client = open({ cookie: browser.cookie });
    const { server } = await welcome(client);
    const closed = nextClose(client);
    await browser.send('POST', `${site.other(server).url}/logout`);
    const begun = performance.now();
    expect(await closed).toBe(1008);
    expect(performance.now() - begun).toBeLessThan(5_000);
    const { url } = site.server(server);
    const ended = (await (await fetch(`${url}/ended`)).json()) as string[];
    expect(ended.filter((each) => each === id)).toEqual([id]);
  });

  it('never begins without a user who is signed in, or for the page of another site', async () => {
    const { browser } = await signIn();
    const visitor = new Browser();
    await visitor.send('POST', `${site.url}/visit`);
    const refused = [
      open({ asksAtOnce: 'read' }),
      open({ cookie: visitor.cookie, asksAtOnce: 'read' }),
      open({ cookie: browser.cookie, origin: 'https://evil.example', asksAtOnce: 'read' }),
    ];
    await until('the refusals', async () => refused.every(({ closes }) => closes.length > 0));
    for (const client of refused) expect([client.closes, client.welcomes]).toEqual([[1008], []]);
  });

  it('goes on at another server when its server is killed', async () => {
    const { browser, user } = await signIn();
    const all = Array.from({ length: 6 }, () => open({ cookie: browser.cookie }));
    for (const client of all) await welcome(client);
    const { server } = all[0].welcomes[0];
    const left = all.filter(({ welcomes }) => welcomes[0].server === server);
    await site.server(server).end('SIGKILL');
    for (const client of left) {
      const next = await welcome(client, 2);
      expect([next.user, next.server === server]).toEqual([user, false]);
      expect(client.closes[0]).toBe(1006);
    }
    for (const client of all) expect(await client.ask('read')).toMatchObject(isReadOnly ? refusal : { user });
    await site.server(server).start();
  });

  it('tells its clients when its server stops, which then ends though sockets are open', async () => {
    const { browser, user } = await signIn();
    const client = open({ cookie: browser.cookie });
    const { server } = await welcome(client);
    const closed = nextClose(client);
    expect(await site.server(server).end('SIGTERM')).toBeLessThan(10_000);
    expect(await closed).toBe(1001);
    expect((await welcome(client, 2)).user).toBe(user);
    await site.server(server).start();
  });

  it('goes on at another server when its server stands still', async () => {
    const { browser, user } = await signIn();
    const client = open({ cookie: browser.cookie });
    const { server } = await welcome(client);
    site.server(server).signal('SIGSTOP');
    try {
      await until('another server', async () => client.welcomes.some((each) => each.server !== server));
      expect(client.welcomes.at(-1)!.user).toBe(user);
    } finally {
      site.server(server).signal('SIGCONT');
    }
  });
});
