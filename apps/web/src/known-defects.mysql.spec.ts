// Defects of well-known software, by their mechanism, against the whole app: see the table in docs/threat-model.md.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import supertest from 'supertest';
import { assetPaths } from './pages/assets.js';
import { routesOfApp } from './routes-of-app.js';
import { appCode, outcome, Site } from './testing/site.js';

jest.setTimeout(60_000);

const site = new Site();
let port: number;
beforeAll(async () => {
  // With a copy of the session in a cookie of its own: there are then most cookies.
  await site.start({ SESSION_OUTAGE: 'read-only', SHOW_SERVER: 'on', THROTTLE_LOGINS_PER_ADDRESS: '1000' });
  await site.app.listen(0, '127.0.0.1');
  port = (site.app.getHttpServer().address() as AddressInfo).port;
}, 180_000);
afterAll(() => site.stop());

/** What can be asked for without an effect; a parameter of a path gets this value. */
const readable = (value = 'none') =>
  routesOfApp()
    .filter(({ method, policy }) => method === 'GET' && !policy.isStream)
    .map(({ path }) => path.replace(/:\w+/g, value));

/** The name and value of each cookie that an answer sets, also of those that it sets twice. */
const pairsOf = ({ headers }: supertest.Response) =>
  ((headers['set-cookie'] ?? []) as unknown as string[]).map((line) => line.split(';')[0]);

describe('the first step of a sign-in with two', () => {
  it('sets no cookie, alone or with others, that reads or changes the account (GHSA-xg6x-h9c9-2m83)', async () => {
    const { agent, someone } = await site.registered(site.app, 'Xanthippe');
    const enrolled = await agent.post('/api/factors/totp').send({ currentPassword: someone.password });
    const { secret } = enrolled.body as { secret: string };
    expect((await agent.post('/api/factors/totp/confirm').send({ code: appCode(secret) })).status).toBe(200);

    const first = await supertest(site.app.getHttpServer()).post('/api/login').send(someone);
    expect(outcome(first)).toEqual([401, 'second_factor_required']);
    const pairs = pairsOf(first);
    expect(pairs.length).toBeGreaterThan(1);
    expect(first.text).not.toContain(someone.name);
    for (const cookie of [pairs.join('; '), ...pairs]) {
      for (const path of readable()) {
        const answer = await supertest(site.app.getHttpServer()).get(path).set('Cookie', cookie);
        expect({ path, tells: [someone.name, someone.email].some((text) => answer.text?.includes(text)) }).toEqual({
          path,
          tells: false,
        });
      }
      const off = await supertest(site.app.getHttpServer())
        .delete('/api/factors/totp')
        .set('Cookie', cookie)
        .send({ currentPassword: someone.password });
      expect(off.status).toBe(401);
    }
    // The owner, who is signed in, is told by the same pages.
    expect((await agent.get('/account')).text).toContain(someone.name);
    expect((await agent.get('/api/me')).text).toContain(someone.email);
  });
});

describe('a cache that everybody shares', () => {
  it('may keep the files that are the same for all, and no answer with a cookie or of a person (CVE-2025-48947, CVE-2025-64762, CVE-2026-35192)', async () => {
    const { someone } = await site.registered();
    const signedIn = await supertest(site.app.getHttpServer()).post('/api/login').send(someone);
    // Without its copy, which each answer then brings anew, whether its handler looks at the session or not.
    const cookie = pairsOf(signedIn)
      .filter((pair) => !pair.startsWith('standby='))
      .join('; ');
    let setCookies = 0;
    for (const path of [...readable(), ...Object.values(assetPaths), '/.well-known/security.txt']) {
      const answer = await supertest(site.app.getHttpServer()).get(path).set('Cookie', cookie);
      const { 'cache-control': caching = '', vary } = answer.headers as Record<string, string>;
      const isForAll = /\bpublic\b/.test(caching);
      expect({ path, isForAll }).toEqual({ path, isForAll: /^\/(assets|\.well-known)\//.test(path) });
      if (!isForAll) expect({ path, caching }).toEqual({ path, caching: expect.stringMatching(/no-store|private/) });
      if (pairsOf(answer).length === 0) continue;
      setCookies++;
      expect({ path, isForAll, vary }).toEqual({ path, isForAll: false, vary: expect.stringMatching(/\bCookie\b/) });
    }
    expect(setCookies).toBeGreaterThan(20);
  });
});

describe('what cannot be decoded', () => {
  const malformed = ['%', '%E0%A4%A', '%ff', '%c0%80', '%zz', '%00', '%u0041'];

  /** Sends exactly this. */
  const send = (method: string, path: string, headers: Record<string, string> = {}, body = '') =>
    new Promise<number>((resolve, reject) => {
      const options = { port, host: '127.0.0.1', method, path, headers: { ...headers, 'content-length': body.length } };
      httpRequest(options, (answer) => resolve(answer.resume().statusCode!))
        .once('error', reject)
        .end(body);
    });

  it.each(malformed)(
    'is refused or ignored wherever %s stands, and no error is left to nobody (CVE-2026-8162)',
    async (bad) => {
      const uncaught: unknown[] = [];
      const note = (error: unknown) => void uncaught.push(error);
      process.on('uncaughtException', note).on('unhandledRejection', note);
      const { agent } = await site.registered();
      const cookie = pairsOf(await agent.get('/api/me')).join('; ');
      const statuses: [string, number][] = [];
      const tried = async (what: string, status: Promise<number>) => void statuses.push([what, await status]);
      for (const path of readable(bad)) {
        await tried(path, send('GET', path));
        await tried(`${path}?`, send('GET', `${path}?returnTo=${bad}&token=${bad}&page=${bad}&${bad}`));
      }
      await tried(
        'cookie',
        send('GET', '/api/me', { cookie: `${cookie}; sid=${bad}; mark=${bad}; standby=${bad}; csrf=${bad}` }),
      );
      await tried(
        'headers',
        send('GET', '/', {
          'x-forwarded-for': bad,
          'x-forwarded-prefix': bad,
          'accept-encoding': bad,
          'x-forwarded-host': bad,
        }),
      );
      for (const path of ['/login', '/register', '/logout', '/account/password', '/api/login']) {
        const form = { 'content-type': `application/x-www-form-urlencoded; charset=${bad}` };
        await tried(
          `form ${path}`,
          send(
            'POST',
            path,
            { ...form, 'content-type': 'application/x-www-form-urlencoded' },
            `email=${bad}&${bad}=1&_csrf=${bad}`,
          ),
        );
        await tried(`charset ${path}`, send('POST', path, form, 'email=a'));
        const part = `--b\r\nContent-Disposition: form-data; name="a"; filename*=UTF-8''${bad}\r\n\r\nx\r\n--b--\r\n`;
        await tried(`file ${path}`, send('POST', path, { 'content-type': 'multipart/form-data; boundary=b' }, part));
      }
      for (const path of ['/api/cart/', '/api/sessions/', '/api/passkeys/'])
        await tried(path, send('DELETE', path + bad, { cookie }));
      expect(statuses.filter(([, status]) => status >= 500)).toEqual([]);
      expect(await send('GET', '/healthz')).toBe(200);
      process.off('uncaughtException', note).off('unhandledRejection', note);
      expect(uncaught).toEqual([]);
    },
  );
});
