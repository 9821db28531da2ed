// The app over a real MySQL server: pages without JavaScript, repeated requests, devices, the audit log, the loss of MySQL.
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RowDataPacket } from 'mysql2';
import { pino } from 'pino';
import supertest from 'supertest';
import { PublicListener } from './lifecycle/public-listener.js';
import { StoreWatch } from './health/store-watch.js';
import { routesOfApp } from './routes-of-app.js';
import { servedRoutes } from './routes/served-routes.js';
import { outcome, person, Site } from './testing/site.js';
import { backToNow, jumpTo, until } from './testing/time.js';
import { UsersService } from './users/users.service.js';

jest.setTimeout(60_000);

const site = new Site();
beforeAll(async () => {
  await site.start({ SHOW_SERVER: 'on' });
}, 180_000);
afterAll(() => site.stop());
afterEach(backToNow);

it('ASVS 3.4.1 and 12.2.1: an https site opens no session over http, and tells its health', async () => {
  const app = await site.server({ PUBLIC_URL: 'https://roam.test' });
  const rows = async () => (await site.cluster.read('SELECT 1 FROM sessions', [])).length;
  const before = await rows();
  const { agent } = site.browser(app, { 'X-Forwarded-Proto': 'http' });
  const page = await agent.get('/register');
  expect([page.status, page.headers.location]).toEqual([308, 'https://roam.test/register']);
  const answers = [
    page,
    await agent.post('/api/register').send(person()),
    await agent.put('/api/cart/pear').send({ quantity: 1 }),
  ];
  expect(answers.map(outcome).slice(1)).toEqual([
    [403, 'https_required'],
    [403, 'https_required'],
  ]);
  for (const { headers } of answers) {
    expect(headers['set-cookie']).toBeUndefined();
    expect(headers['strict-transport-security']).toBeUndefined();
  }
  for (const path of ['/healthz', '/readyz']) expect([200, 503]).toContain((await agent.get(path)).status);
  expect(await rows()).toBe(before);
  const secure = site.browser(app, { 'X-Forwarded-Proto': 'https' });
  expect((await secure.agent.post('/api/register').send(person())).status).toBe(201);
});

describe('pages, without JavaScript', () => {
  it('let a visitor fill a cart, register, and keep it', async () => {
    const { send, get } = site.browser();
    expect((await send('/', { item: 'apple', quantity: '2' })).headers.location).toBe('/');
    const registered = await send('/register', person());
    expect([registered.status, registered.headers.location]).toEqual([303, '/account']);
    expect((await get('/api/cart')).body).toEqual({ items: { apple: 2 } });
    expect((await get('/account')).text).toContain('Ann');
  });

  it('show a form again with what is wrong and what was typed, but never the password', async () => {
    const { send } = site.browser();
    const wrong = await send('/login', { email: 'bo@example.org', password: 'hunter2hunter2' });
    expect(wrong.status).toBe(401);
    expect(wrong.text).toContain('The e-mail address or the password is wrong.');
    expect(wrong.text).toContain('value="bo@example.org"');
    expect(wrong.text).not.toContain('hunter2');
    const invalid = await send('/register', { email: 'bo', password: 'x', name: '' });
    expect(invalid.status).toBe(422);
    expect(invalid.text.match(/aria-invalid/g)).toHaveLength(3);
  });

  it('ASVS 6.2.6 and 6.2.7: have password fields that hide what is typed, and that password managers fill in', async () => {
    const { get } = await site.registered();
    const pages = [
      await site.browser().get('/login'),
      await site.browser().get('/register'),
      await get('/account/password'),
    ];
    for (const { text } of pages) {
      const fields = text.match(/<input[^>]+name="\w*[pP]assword"[^>]*>/g)!;
      expect(fields.length).toBeGreaterThan(0);
      for (const field of fields) {
        expect(field).toContain('type="password"');
        expect(field).toMatch(/autocomplete="(current|new)-password"/);
        expect(field).not.toMatch(/readonly| on\w+=/);
      }
    }
  });

  it('ASVS 7.4.4: have a button to sign out, which works', async () => {
    const { get, agent } = await site.registered();
    for (const path of ['/', '/account', '/account/sessions', '/account/password', '/account/passkeys']) {
      const { text } = await get(path);
      const [, _csrf] = /action="\/logout">\s*<input type="hidden" name="_csrf" value="([^"]+)">/.exec(text) ?? [];
      expect([path, _csrf]).toEqual([path, expect.any(String)]);
    }
    const [, _csrf] = /name="_csrf" value="([^"]+)"/.exec((await get('/account')).text)!;
    await agent.post('/logout').type('form').send({ _csrf });
    expect((await get('/api/me')).status).toBe(401);
  });

  it('go back to where one wanted to be after signing in, but never to another site', async () => {
    const { someone } = await site.registered();
    const asked = await site.browser().get('/account/sessions');
    expect(asked.headers.location).toBe('/login?returnTo=%2Faccount%2Fsessions');
    const back = await site.browser().send('/login', { ...someone, returnTo: '/account/sessions' });
    expect(back.headers.location).toBe('/account/sessions');
    const away = await site.browser().send('/login', { ...someone, returnTo: '//evil.example' });
    expect(away.headers.location).toBe('/account');
  });

  it('escape what people typed', async () => {
    const { agent, get } = site.browser();
    await agent.post('/api/register').send(person('<script>alert(1)</script>'));
    await agent.put('/api/cart/pear').send({ quantity: 1 });
    for (const page of ['/', '/account']) {
      const { text } = await get(page);
      expect(text).toContain('&lt;script&gt;');
      expect(text).not.toMatch(/<script(?! nonce=)/);
    }
  });

  it("refuse a form without a token, or with another visitor's", async () => {
    const { agent, get } = site.browser();
    await get('/');
    const other = await site.browser().token('/');
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
    const { get } = site.browser(site.app, { 'X-Forwarded-Prefix': '/_server/web2' });
    const home = await get('/');
    expect(home.text).toContain('action="/_server/web2/"');
    expect(home.text).not.toMatch(/(href|action)="\/(?!_server\/)/);
    expect((await get('/account')).headers.location).toMatch(/^\/_server\/web2\/login/);
    expect((await site.browser(site.app, { 'X-Forwarded-Prefix': '//evil.example' }).get('/')).text).not.toContain(
      'evil',
    );
  });

  it('set no cookie but the one of the forms on a visitor', async () => {
    const cookies = (await site.browser().get('/')).headers['set-cookie'] as unknown as string[];
    expect(cookies.map((cookie) => cookie.split('=')[0])).toEqual(['csrf']);
    expect((await site.browser().get('/api/cart')).headers['set-cookie']).toBeUndefined();
  });
});

describe('an address in other letters', () => {
  it('is another address: no rule for the API can be passed by it', async () => {
    const { agent, get } = site.browser();
    await agent.post('/api/register').send(person());
    for (const path of ['/API/me', '/Api/cart', '/aPI/sessions']) {
      const answer = await get(path);
      expect([answer.status, answer.type]).toEqual([404, 'text/html']);
    }
    const write = await agent.put('/API/cart/apple').type('form').send({ quantity: 1 });
    expect(write.status).toBeGreaterThanOrEqual(400);
    expect((await get('/api/cart')).body).toEqual({ items: {} });
  });
});

describe('the routes of the running app', () => {
  it('are those that nginx is told about, in the order in which they are asked', () => {
    const [first, ...told] = routesOfApp().map(({ method, path }) => `${method} ${path}`);
    // It is answered before the router.
    expect(first).toBe('GET /api/streams/cluster');
    expect(told).toEqual(servedRoutes(site.app));
  });
});

describe('a request that the proxy repeats', () => {
  it('registers once, and signs in both times', async () => {
    const someone = person();
    const id = randomUUID();
    const first = await site.browser().agent.post('/api/register').set('X-Request-Id', id).send(someone);
    const second = await site.browser().agent.post('/api/register').set('X-Request-Id', id).send(someone);
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.body).toEqual(first.body);
  });

  it('gives nobody an account by its request id alone', async () => {
    const someone = person();
    const id = randomUUID();
    await site.browser().agent.post('/api/register').set('X-Request-Id', id).send(someone);
    const stranger = await site
      .browser()
      .agent.post('/api/register')
      .set('X-Request-Id', id)
      .send({ ...someone, password: 'another password' });
    expect(outcome(stranger)).toEqual([409, 'email_taken']);
  });
});

describe('wrong passwords', () => {
  it('ASVS 6.3.1: are answered 429 with Retry-After after a few, for unknown accounts too', async () => {
    const known = person();
    const now = Date.now();
    await jumpTo(now);
    await site.browser().agent.post('/api/register').send(known);
    for (const { email } of [known, person()]) {
      const { agent, send } = site.browser();
      const guess = { email, password: 'a wrong password' };
      for (let i = 0; i < 5; i += 1) expect((await agent.post('/api/login').send(guess)).status).toBe(401);
      const refused = await agent.post('/api/login').send({ ...known, email });
      expect(outcome(refused)).toEqual([429, 'too_many_attempts']);
      expect(refused.headers['retry-after']).toBe('1');
      const page = await send('/login', { ...known, email });
      expect([page.status, page.headers['retry-after']]).toEqual([429, '1']);
      expect(page.text).toContain('Please wait a second');
    }
    await jumpTo(now + 1_500);
    expect((await site.browser().agent.post('/api/login').send(known)).status).toBe(200);
  });
});

describe('devices', () => {
  it('can be listed and ended, one or all others', async () => {
    const someone = person();
    const [here, there, elsewhere] = [site.browser(), site.browser(), site.browser()];
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
    const { agent, someone } = await site.registered();
    const now = Date.now();
    await jumpTo(now + 5 * 60_000 + 1_000);
    const late = await agent.delete('/api/sessions');
    expect(outcome(late)).toEqual([403, 'reauthentication_required']);
    await agent.post('/api/login').send(someone);
    expect((await agent.delete('/api/sessions')).status).toBe(204);
  });
});

describe('the audit log', () => {
  const eventsOf = async (requestIds: readonly string[]) => {
    const rows = await site.cluster.read<RowDataPacket>(
      `SELECT HEX(id) AS id, at, event, user_id AS userId, account, ip, server, request_id AS requestId, details
       FROM audit_events WHERE request_id IN (${requestIds.map(() => '?').join()}) ORDER BY id`,
      requestIds,
    );
    return rows as unknown as Record<string, unknown>[];
  };

  it('ASVS 16.3.1 to 16.3.3, 16.2.1, 16.2.5: tells of each login, failure, logout, revocation and forged request', async () => {
    const someone = person('Wilhelmina');
    const ids = Array.from({ length: 8 }, () => randomUUID());
    const [here, there] = [site.browser(), site.browser()];
    const as = (number: number) => ({ 'X-Request-Id': ids[number] });
    await here.agent.post('/api/register').set(as(0)).send(someone);
    await there.agent
      .post('/api/login')
      .set(as(1))
      .send({ ...someone, password: 'an utterly wrong one' });
    await there.agent.post('/api/login').set(as(2)).send(someone);
    await here.agent.delete('/api/sessions').set(as(3));
    await here.agent.post('/').set(as(4)).type('form').send({ item: 'apple', quantity: '1', _csrf: 'forged' });
    await here.agent.put('/api/cart/apple').set(as(5)).set('Sec-Fetch-Site', 'cross-site').send({ quantity: 1 });
    await here.agent.post('/api/logout').set(as(6)).send({});
    await here.agent.post('/api/logout').set(as(7)).send({});
    const expected = ['registered', 'login', 'login-failed', 'login', 'other-sessions-ended', 'form-refused'];
    expected.push('cross-site-refused', 'logout');
    // Which are missing, if any, says the comparison.
    await until(async () => (await eventsOf(ids)).length >= expected.length).catch(() => undefined);
    const events = await eventsOf(ids);
    expect(events.map(({ event }) => event)).toEqual(expected);
    const [registered, login, failed] = events;
    // The user, the time in UTC, the address, the server and the request.
    expect(login).toMatchObject({ userId: registered.userId, server: 'web1', requestId: ids[0] });
    expect(login.ip).toMatch(/127\.0\.0\.1$/);
    expect(Math.abs(Date.parse(`${(login.at as Date).toISOString()}`) - Date.now())).toBeLessThan(60_000);
    expect(failed).toMatchObject({ userId: registered.userId, account: registered.account });
    // The same in the JSON log, at once; and nothing secret anywhere.
    const everything = site.logged.join('\n');
    for (const id of ids.slice(0, 7))
      expect(site.logged.some((line) => line.includes('"audit"') && line.includes(id))).toBe(true);
    const secrets = [someone.email, someone.password, 'an utterly wrong one', 'passwordHash', '$argon2'];
    const [token] = (
      (await site.browser().agent.post('/api/login').send(someone)).headers['set-cookie'] as unknown as string[]
    )
      .map((cookie) => /^sid=([^;]+)/.exec(cookie)?.[1])
      .filter((value) => value !== undefined);
    for (const secret of [...secrets, token]) {
      expect(everything + site.logged.join('\n')).not.toContain(secret);
      expect(JSON.stringify(events)).not.toContain(secret);
    }
  });
});

describe('an error that nobody expected', () => {
  it('ASVS 16.5.1: is answered with a request id, and without its message or stack', async () => {
    const { agent } = await site.registered();
    const unexpected = new Error("Duplicate entry 'ann@example.org' for key 'users_email'");
    const find = jest.spyOn(site.app.get(UsersService), 'findById').mockRejectedValue(unexpected);
    try {
      const id = randomUUID();
      const answers = [await agent.get('/api/factors'), await agent.get('/account/two-step').set('X-Request-Id', id)];
      for (const { status, text } of answers) {
        expect([status, text]).toEqual([500, expect.stringContaining('Something went wrong on our side')]);
        expect(text).not.toMatch(/ann@|users_email|stack|node_modules|\.ts\b/);
      }
      expect(answers[1].text).toContain(id);
    } finally {
      find.mockRestore();
    }
    // ASVS 16.3.4: the log tells it all.
    expect(site.logged.filter((line) => line.includes('users_email'))).toHaveLength(2);
    expect(site.logged.find((line) => line.includes('users_email'))).toMatch(/"level":"error".*"stack":"Error: Dup/);
  });
});

describe('each answer', () => {
  it('ASVS 3.4.2 and 13.4.6: gives no other site leave to read it, and tells no version', async () => {
    const { agent, get } = await site.registered();
    const elsewhere = { Origin: 'https://evil.example', 'Access-Control-Request-Method': 'PUT' };
    const asked = [get('/'), get('/api/me'), get('/api/nothing'), agent.options('/api/cart/apple')];
    for (const { headers } of await Promise.all(asked.map((one) => one.set(elsewhere)))) {
      const names = Object.keys(headers).filter((name) => /^access-control-|^server$|powered|version/.test(name));
      expect(names).toEqual([]);
    }
  });

  it('ASVS 14.3.2: is kept by no cache, but for the style sheets, scripts and icon', async () => {
    const { get } = await site.registered();
    const visitor = site.browser();
    for (const path of ['/', '/login', '/account', '/nothing', '/api/me', '/api/cart', '/api/nothing'])
      for (const { headers } of [await get(path), await visitor.get(path)])
        expect([path, headers['cache-control']]).toEqual([path, expect.stringContaining('no-store')]);
  });

  it('ASVS 3.5.6 and 13.4.3: is no script that another site could ask for, and no list of files', async () => {
    const { get } = await site.registered();
    const { headers, text } = await get('/api/me?callback=take&jsonp=take');
    expect([headers['content-type'], text[0]]).toEqual(['application/json; charset=utf-8', '{']);
    for (const path of ['/assets', '/assets/', '/assets/../package.json', '/.git/config', '/.env'])
      expect((await get(path)).status).toBe(404);
  });
});

describe('people who sign in at the same time', () => {
  it('each get their own account, by the API and by the form', async () => {
    const people = Array.from({ length: 8 }, () => person());
    for (const someone of people) await site.browser().agent.post('/api/register').send(someone);
    for (let round = 0; round < 3; round++)
      await Promise.all(
        people.map(async ({ email, password }, i) => {
          const { agent, send } = site.browser();
          if (i % 2 === 0) expect((await send('/login', { email, password })).status).toBe(303);
          else
            expect((await agent.post('/api/login').send({ email, password })).body).toMatchObject({ user: { email } });
          expect((await agent.get('/api/me')).body).toMatchObject({ user: { email } });
        }),
      );
  });
});

describe('another app in the same process', () => {
  it('takes nothing with it when it is closed', async () => {
    const { someone } = await site.registered();
    await (await site.server()).close();
    expect((await site.browser().agent.post('/api/login').send(someone)).status).toBe(200);
  });
});

describe('what servers tell about themselves', () => {
  it('is for administrators only where servers may not be shown', async () => {
    const hidden = await site.server({ SHOW_SERVER: 'off' });
    const answer = await supertest(hidden.getHttpServer()).get('/cluster');
    expect(answer.status).toBe(404);
    expect(answer.headers['x-served-by']).toBeUndefined();
    expect(answer.text).not.toContain('web1');
    // Nor does it control servers outside of the demo.
    const act = { act: 'kill', name: 'web1' };
    expect((await site.browser().agent.post('/cluster').type('form').send(act)).status).toBe(404);
    const shown = await site.browser().get('/cluster');
    expect(shown.text).not.toContain('kill');
    expect(shown.headers['x-served-by']).toBe('web1');
    expect(shown.text).toContain(`:${site.databases.nodes[0].port}`);
  });
});

describe('when MySQL is gone', () => {
  it('answers what needs none, and hands over at once who is signed in', async () => {
    const { agent, get } = site.browser(site.app, { 'X-Request-Id': randomUUID() });
    await agent.post('/api/register').send(person());
    const [style] = /\/assets\/app-[^"]+/.exec((await get('/')).text)!;
    const { nodes, isOut } = site.readiness;
    Object.assign(site.readiness, { nodes: () => [], isOut: () => true });
    try {
      expect((await get('/api/me')).status).toBe(504);
      expect((await get(style)).status).toBe(200);
      expect((await site.browser().get('/login')).status).toBe(200);
    } finally {
      Object.assign(site.readiness, { nodes, isOut });
    }
    expect((await get('/api/me')).status).toBe(200);
  });

  it('and comes back, requests are given up sooner than at other times', async () => {
    const { agent } = site.browser();
    const guess = { email: person().email, password: 'a wrong password' };
    expect((await agent.post('/api/login').send(guess)).status).toBe(401);
    site.readiness.isRecovering = () => true;
    try {
      // The next guess cannot be counted: for longer than a request may take now, but not longer than it may otherwise.
      const answer = await site.cluster.transaction(async (tx) => {
        await tx.read('SELECT * FROM throttles FOR UPDATE');
        return await Promise.race([agent.post('/api/login').retry(0).send(guess), sleep(1_100)]);
      });
      expect(answer && outcome(answer)).toEqual([503, 'timeout']);
    } finally {
      site.readiness.isRecovering = () => false;
    }
  });

  it('stops listening until it is back, and nobody is signed out', async () => {
    const someone = await site.registered();
    const refused = randomUUID();
    const listener = new PublicListener(site.app.getHttpServer(), 0, '127.0.0.1');
    const watch = new StoreWatch(site.readiness, listener, pino({ level: 'silent' }));
    await listener.open();
    site.readiness.phase = 'ready';
    const url = `http://127.0.0.1:${listener.boundPort}/healthz`;
    watch.start();
    try {
      expect((await fetch(url)).status).toBe(200);
      await site.databases.nodes[0].kill();
      await until(() => site.readiness.phase === 'cut-off');
      const forged = await supertest(site.app.getHttpServer())
        .post('/')
        .set('X-Request-Id', refused)
        .set('Sec-Fetch-Site', 'cross-site')
        .type('form')
        .send({});
      expect(forged.status).toBe(403);
      expect(site.readiness.report()).toMatchObject({ ready: false, dependencies: { mysql: { usable: false } } });
      const isClosed = () =>
        fetch(url).then(
          () => false,
          () => true,
        );
      await expect(until(isClosed)).resolves.toBeUndefined();

      await site.databases.nodes[0].start();
      await until(() => site.readiness.report().ready);
      expect((await fetch(`http://127.0.0.1:${listener.boundPort}/healthz`)).status).toBe(200);
    } finally {
      watch.stop();
      await listener.close(1_000);
    }
    expect((await someone.get('/api/me')).status).toBe(200);
    // Events from the time without database are in the table too.
    await until(async () => {
      const rows = await site.cluster.read('SELECT 1 FROM audit_events WHERE request_id = ?', [refused]);
      return rows.length === 1;
    });
  });
});
