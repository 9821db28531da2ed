// The app over a real MySQL server: pages and forms without JavaScript, repeated requests, devices, and the loss of MySQL.
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { startDatabases, type Databases } from '@roam/local-stack';
import type { MysqlCluster } from '@roam/mysql-cluster';
import { MysqlSessionStore } from '@roam/session/mysql';
import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import supertest from 'supertest';
import { createApp } from './app.js';
import { parseSettings } from './config/settings.js';
import { connectCluster } from './database/connect.js';
import { migrate } from './database/migrate.js';
import { Metrics } from './health/metrics.js';
import { Readiness } from './health/readiness.js';
import { PublicListener } from './lifecycle/public-listener.js';
import { StoreWatch } from './lifecycle/store-watch.js';

jest.setTimeout(60_000);

const logger = pino({ level: 'silent' });
const readiness = new Readiness();
let databases: Databases;
let cluster: MysqlCluster;
let app: NestExpressApplication;

const config = (more: Record<string, string> = {}) =>
  parseSettings({
    DATABASE_URLS: databases.urls.join(','),
    SESSION_SECRETS: 'Vt7mHq2zLw9sXc4bNk8rYp3eJd6fGa5u',
    SERVER_NAME: 'web1',
    SHOW_SERVER: 'on',
    ...more,
  });

beforeAll(async () => {
  databases = await startDatabases({ count: 1, topology: 'single' });
  cluster = await connectCluster(config(), logger);
  readiness.nodes = () => cluster.nodes();
  // Three at once, as three servers' start scripts may do it.
  await Promise.all([1, 2, 3].map(() => migrate(config(), logger)));
  app = await createApp(config(), cluster, new MysqlSessionStore(cluster), logger, readiness, new Metrics(readiness));
}, 180_000);

afterAll(async () => {
  await app?.close();
  await cluster?.close();
  await databases?.stop();
});
afterEach(() => {
  jest.restoreAllMocks();
});

const person = (name = 'Ann') => ({ email: `${randomUUID()}@example.org`, password: 'correct horse', name });

/** A browser: keeps cookies, and follows forms by their hidden token. */
function browser(headers: Record<string, string> = {}) {
  const agent = supertest.agent(app.getHttpServer());
  const token = async (page: string) => {
    const { text } = await agent.get(page).set(headers);
    return /name="_csrf" value="([^"]+)"/.exec(text)![1];
  };
  return {
    agent,
    token,
    get: (path: string) => agent.get(path).set(headers),
    /** Sends the form of `page`. */
    send: async (page: string, fields: Record<string, string>) => {
      const _csrf = await token(page);
      return agent
        .post(page)
        .set(headers)
        .type('form')
        .send({ _csrf, ...fields });
    },
  };
}

const codeOf = (answer: supertest.Response) => (answer.body as { error: { code: string } }).error.code;

describe('pages, without JavaScript', () => {
  it('let a visitor fill a cart, register, and keep it', async () => {
    const { send, get } = browser();
    expect((await send('/', { item: 'apple', quantity: '2' })).headers.location).toBe('/');
    const registered = await send('/register', person());
    expect([registered.status, registered.headers.location]).toEqual([303, '/account']);
    expect((await get('/api/cart')).body).toEqual({ items: { apple: 2 } });
    expect((await get('/account')).text).toContain('Ann');
  });

  it('show a form again with what is wrong and what was typed, but never the password', async () => {
    const { send } = browser();
    const wrong = await send('/login', { email: 'bo@example.org', password: 'hunter2hunter2' });
    expect(wrong.status).toBe(401);
    expect(wrong.text).toContain('The e-mail address or the password is wrong.');
    expect(wrong.text).toContain('value="bo@example.org"');
    expect(wrong.text).not.toContain('hunter2');
    const invalid = await send('/register', { email: 'bo', password: 'x', name: '' });
    expect(invalid.status).toBe(422);
    expect(invalid.text.match(/aria-invalid/g)).toHaveLength(3);
  });

  it('go back to where one wanted to be after signing in, but never to another site', async () => {
    const someone = person();
    await browser().agent.post('/api/register').send(someone);
    const asked = await browser().get('/account/sessions');
    expect(asked.headers.location).toBe('/login?returnTo=%2Faccount%2Fsessions');
    const back = await browser().send('/login', { ...someone, returnTo: '/account/sessions' });
    expect(back.headers.location).toBe('/account/sessions');
    const away = await browser().send('/login', { ...someone, returnTo: '//evil.example' });
    expect(away.headers.location).toBe('/account');
  });

  it('escape what people typed', async () => {
    const { agent, get } = browser();
    await agent.post('/api/register').send(person('<script>alert(1)</script>'));
    await agent.put('/api/cart/pear').send({ quantity: 1 });
    for (const page of ['/', '/account']) {
      const { text } = await get(page);
      expect(text).toContain('&lt;script&gt;');
      expect(text).not.toContain('<script');
    }
  });

  it("refuse a form without a token, or with another visitor's", async () => {
    const { agent, get } = browser();
    await get('/');
    const other = await browser().token('/');
    for (const form of [{}, { _csrf: other }]) {
      const answer = await agent
        .post('/')
        .type('form')
        .send({ item: 'apple', quantity: '1', ...form });
      expect(answer.status).toBe(403);
    }
    expect((await get('/api/cart')).body).toEqual({ items: {} });
  });

  it('stay below the prefix that a trusted proxy names', async () => {
    const { get } = browser({ 'X-Forwarded-Prefix': '/_server/web2' });
    const home = await get('/');
    expect(home.text).toContain('action="/_server/web2/"');
    expect(home.text).not.toMatch(/(href|action)="\/(?!_server\/)/);
    expect((await get('/account')).headers.location).toMatch(/^\/_server\/web2\/login/);
    expect((await browser({ 'X-Forwarded-Prefix': '//evil.example' }).get('/')).text).not.toContain('evil');
  });

  it('set no cookie but the one of the forms on a visitor', async () => {
    const cookies = (await browser().get('/')).headers['set-cookie'] as unknown as string[];
    expect(cookies.map((cookie) => cookie.split('=')[0])).toEqual(['csrf']);
    expect((await browser().get('/api/cart')).headers['set-cookie']).toBeUndefined();
  });
});

describe('a request that the proxy repeats', () => {
  it('registers once, and signs in both times', async () => {
    const someone = person();
    const id = randomUUID();
    const first = await browser().agent.post('/api/register').set('X-Request-Id', id).send(someone);
    const second = await browser().agent.post('/api/register').set('X-Request-Id', id).send(someone);
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.body).toEqual(first.body);
  });

  it('gives nobody an account by its request id alone', async () => {
    const someone = person();
    const id = randomUUID();
    await browser().agent.post('/api/register').set('X-Request-Id', id).send(someone);
    const stranger = await browser()
      .agent.post('/api/register')
      .set('X-Request-Id', id)
      .send({ ...someone, password: 'another password' });
    expect([stranger.status, codeOf(stranger)]).toEqual([409, 'email_taken']);
  });
});

describe('devices', () => {
  it('can be listed and ended, one or all others', async () => {
    const someone = person();
    const [here, there, elsewhere] = [browser(), browser(), browser()];
    await here.agent.post('/api/register').send(someone);
    for (const device of [there, elsewhere]) await device.agent.post('/api/login').send(someone);
    const list = (await here.get('/api/sessions')).body as { handle: string; current: boolean }[];
    expect(list.filter(({ current }) => current)).toHaveLength(1);
    expect(list).toHaveLength(3);
    expect((await there.agent.delete('/api/sessions/unknown')).status).toBe(404);

    const current = ((await there.get('/api/sessions')).body as typeof list).find((one) => one.current)!;
    expect((await here.agent.delete(`/api/sessions/${current.handle}`)).status).toBe(204);
    expect((await there.get('/api/me')).status).toBe(401);
    expect((await here.send('/account/sessions', {})).headers.location).toBe('/account/sessions');
    expect((await elsewhere.get('/api/me')).status).toBe(401);
    expect((await here.get('/api/me')).status).toBe(200);
  });

  it('are ended only with a proof of identity that is not older than five minutes', async () => {
    const someone = person();
    const { agent } = browser();
    await agent.post('/api/register').send(someone);
    await jumpTo(Date.now() + 5 * 60_000 + 1_000);
    const late = await agent.delete('/api/sessions');
    expect([late.status, codeOf(late)]).toEqual([403, 'reauthentication_required']);
    await agent.post('/api/login').send(someone);
    expect((await agent.delete('/api/sessions')).status).toBe(204);
  });
});

describe('what servers tell about themselves', () => {
  it('is for administrators only where servers may not be shown', async () => {
    const store = new MysqlSessionStore(cluster);
    const settings = config({ SHOW_SERVER: 'off' });
    const hidden = await createApp(settings, cluster, store, logger, readiness, new Metrics(readiness));
    try {
      const answer = await supertest(hidden.getHttpServer()).get('/cluster');
      expect(answer.status).toBe(404);
      expect(answer.headers['x-served-by']).toBeUndefined();
      expect(answer.text).not.toContain('web1');
    } finally {
      await hidden.close();
    }
    const shown = await browser().get('/cluster');
    expect(shown.headers['x-served-by']).toBe('web1');
    expect(shown.text).toContain(`:${databases.nodes[0].port}`);
  });
});

describe('when MySQL is gone', () => {
  it('stops listening until it is back, and nobody is signed out', async () => {
    const someone = browser();
    await someone.agent.post('/api/register').send(person());
    const listener = new PublicListener(app.getHttpServer(), 0, '127.0.0.1');
    const watch = new StoreWatch(readiness, listener, logger);
    await listener.open();
    readiness.phase = 'ready';
    const url = `http://127.0.0.1:${listener.boundPort}/healthz`;
    watch.start();
    try {
      expect((await fetch(url)).status).toBe(200);
      await databases.nodes[0].kill();
      await until(() => readiness.phase === 'cut-off');
      expect(readiness.report()).toMatchObject({ ready: false, dependencies: { mysql: { usable: false } } });
      await until(() =>
        fetch(url).then(
          () => false,
          () => true,
        ),
      );

      await databases.nodes[0].start();
      await until(() => readiness.report().ready);
      expect((await fetch(`http://127.0.0.1:${listener.boundPort}/healthz`)).status).toBe(200);
    } finally {
      watch.stop();
      await listener.close(1_000);
    }
    expect((await someone.get('/api/me')).status).toBe(200);
  });
});

/** Time jumps for the app. Its heartbeat takes that for a standstill, and wants two beats until it is over it. */
async function jumpTo(time: number): Promise<void> {
  jest.spyOn(Date, 'now').mockReturnValue(time);
  for (let beat = 0; beat < 6; beat += 1) await new Promise((resolve) => setTimeout(resolve, 20));
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const giveUpAt = Date.now() + 30_000; !(await holds());) {
    if (Date.now() > giveUpAt) throw new Error('waited 30 s in vain');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
