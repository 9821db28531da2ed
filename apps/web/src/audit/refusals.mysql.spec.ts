// Every route that checks an identity leaves an event when it refuses, over a real MySQL server.
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, jest } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { RowDataPacket } from 'mysql2';
import type supertest from 'supertest';
import { FactorFailures } from '../factors/factor-failures.js';
import { limits } from '../config/limits.js';
import { routesOfApp } from '../routes-of-app.js';
import { isAudited } from '../testing/is-audited.js';
import { appCode, person, Site } from '../testing/site.js';
import { backToNow, jumpTo, until } from '../testing/time.js';

jest.setTimeout(120_000);

const site = new Site();
type Browser = Awaited<ReturnType<Site['registered']>>;
/** A user with an authenticator app, an administrator, and a visitor whose password was right. */
let ann: Browser & { secret: string };
let admin: Browser;
let pending: ReturnType<Site['browser']>;
let visitor: ReturnType<Site['browser']>;

beforeAll(async () => {
  await site.start({ THROTTLE_LOGINS_PER_ACCOUNT: '1000', THROTTLE_LOGINS_PER_ADDRESS: '1000' });
  const user = await site.registered();
  const begun = await user.agent.post('/api/factors/totp').send({ currentPassword: user.someone.password });
  const { secret } = begun.body as { secret: string };
  await user.agent.post('/api/factors/totp/confirm').send({ code: appCode(secret) });
  ann = { ...user, secret };
  admin = await site.registered();
  await site.cluster.write(`UPDATE users SET roles = '["admin"]' WHERE id = ?`, [admin.id]);
  await admin.agent.post('/api/login').send(admin.someone);
  pending = site.browser();
  await pending.agent.post('/api/login').send(ann.someone);
  visitor = site.browser();
}, 240_000);
afterAll(() => site.stop());
beforeEach(() => jumpTo(Date.now()));
afterEach(backToNow);

type Method = 'post' | 'put' | 'patch' | 'delete';
type Check = readonly [event: string, send: () => Promise<supertest.Response>];
const token = 'x'.repeat(43);
const wrong = { currentPassword: 'not the password' };
const password = 'a completely new one';

let requestId: string;
const api =
  (browser: () => { agent: ReturnType<Site['browser']>['agent'] }, method: Method, path: string, body: object) =>
  async () =>
    browser().agent[method](path).set('X-Request-Id', requestId).send(body);
const form =
  (browser: () => ReturnType<Site['browser']>, path: string, fields: object, page = path) =>
  async () => {
    const _csrf = await browser().token(page);
    return browser()
      .agent.post(path)
      .set('X-Request-Id', requestId)
      .type('form')
      .send({ _csrf, ...fields });
  };
/** By a session whose proof of identity is too old. */
const stale = (send: () => Promise<supertest.Response>) => async () => {
  await jumpTo(Date.now() + limits.freshMs + 1_000);
  return send();
};
const [asAnn, asAdmin, asPending, asVisitor] = [() => ann, () => admin, () => pending, () => visitor];
const unsigned = { id: 'AAAA', rawId: 'AAAA', type: 'public-key', clientExtensionResults: {} };
const assertion = { ...unsigned, response: { clientDataJSON: 'AAAA', authenticatorData: 'AAAA', signature: 'AAAA' } };
const attestation = { ...unsigned, response: { clientDataJSON: 'AAAA', attestationObject: 'AAAA' } };
const of = (path: string) => path.replace('ID', ann.id);

/** A refusal of each route that checks an identity. */
const checks: Record<string, Check> = {
  'POST /api/register': [
    'email-taken',
    () => api(asVisitor, 'post', '/api/register', { ...person(), email: ann.someone.email })(),
  ],
  'POST /register': ['email-taken', () => form(asVisitor, '/register', { ...person(), email: ann.someone.email })()],
  'POST /api/login': ['login-failed', () => api(asVisitor, 'post', '/api/login', { ...ann.someone, password })()],
  'POST /login': ['login-failed', () => form(asVisitor, '/login', { ...ann.someone, password })()],
  'POST /api/login/second': [
    'second-factor-failed',
    api(asPending, 'post', '/api/login/second', { code: 'AAAAA-AAAAA' }),
  ],
  'POST /login/second': ['second-factor-failed', form(asPending, '/login/second', { code: 'AAAAA-AAAAA' })],
  'POST /api/login/unlock': ['link-refused', api(asVisitor, 'post', '/api/login/unlock', { token })],
  'POST /login/unlock': ['link-refused', form(asVisitor, '/login/unlock', { token }, '/login')],
  'POST /api/login/passkey': ['login-failed', api(asVisitor, 'post', '/api/login/passkey', { response: assertion })],
  'POST /api/not-me': ['link-refused', api(asVisitor, 'post', '/api/not-me', { token })],
  'POST /not-me': ['link-refused', form(asVisitor, '/not-me', { token }, '/login')],
  'POST /api/password/reset': ['link-refused', api(asVisitor, 'post', '/api/password/reset', { token, password })],
  'POST /password/reset': ['link-refused', form(asVisitor, '/password/reset', { token, password }, '/login')],
  'GET /password/reset': [
    'link-refused',
    async () => visitor.get(`/password/reset?token=${token}`).set('X-Request-Id', requestId),
  ],
  'POST /api/email/confirm': ['link-refused', api(asAnn, 'post', '/api/email/confirm', { token })],
  'POST /email/confirm': ['link-refused', form(asAnn, '/email/confirm', { token }, '/account/email')],
  'POST /api/reauthenticate': [
    'second-factor-failed',
    api(asAnn, 'post', '/api/reauthenticate', { code: 'AAAAA-AAAAA' }),
  ],
  'POST /account/confirm': ['second-factor-failed', form(asAnn, '/account/confirm', { code: 'AAAAA-AAAAA' })],
  'PUT /api/email': [
    'reauthentication-failed',
    api(asAdmin, 'put', '/api/email', { email: 'new@example.org', ...wrong }),
  ],
  'POST /account/email': [
    'reauthentication-failed',
    form(asAdmin, '/account/email', { email: 'new@example.org', ...wrong }),
  ],
  'PUT /api/password': ['reauthentication-failed', api(asAdmin, 'put', '/api/password', { password, ...wrong })],
  'POST /account/password': ['reauthentication-failed', form(asAdmin, '/account/password', { password, ...wrong })],
  'DELETE /api/account': ['reauthentication-failed', api(asAdmin, 'delete', '/api/account', wrong)],
  'POST /account/leave': ['reauthentication-failed', form(asAdmin, '/account/leave', wrong)],
  'POST /api/factors/totp': ['reauthentication-failed', api(asAdmin, 'post', '/api/factors/totp', wrong)],
  'DELETE /api/factors/totp': ['reauthentication-failed', api(asAdmin, 'delete', '/api/factors/totp', wrong)],
  'POST /account/two-step': [
    'reauthentication-failed',
    form(asAdmin, '/account/two-step', { action: 'enrol', ...wrong }),
  ],
  'POST /api/factors/totp/confirm': [
    'second-factor-failed',
    api(asAdmin, 'post', '/api/factors/totp/confirm', { code: '000000' }),
  ],
  'POST /api/passkeys': ['reauthentication-failed', api(asAdmin, 'post', '/api/passkeys', { response: attestation })],
  'POST /api/passkeys/options': ['reauthentication-asked', stale(api(asAdmin, 'post', '/api/passkeys/options', {}))],
  'DELETE /api/passkeys/:id': ['reauthentication-asked', stale(api(asAdmin, 'delete', '/api/passkeys/x', {}))],
  'POST /account/passkeys': ['reauthentication-asked', stale(form(asAdmin, '/account/passkeys', { remove: 'x' }))],
  'DELETE /api/sessions': ['reauthentication-asked', stale(api(asAdmin, 'delete', '/api/sessions', {}))],
  'DELETE /api/sessions/:handle': ['reauthentication-asked', stale(api(asAdmin, 'delete', '/api/sessions/x', {}))],
  'POST /account/sessions': ['reauthentication-asked', stale(form(asAdmin, '/account/sessions', {}))],
  'GET /api/account/export': [
    'reauthentication-asked',
    stale(async () => admin.get('/api/account/export').set('X-Request-Id', requestId)),
  ],
  'GET /account/export': [
    'reauthentication-asked',
    stale(async () => admin.get('/account/export').set('X-Request-Id', requestId)),
  ],
  'PATCH /api/admin/users/:id': [
    'reauthentication-asked',
    stale(() => api(asAdmin, 'patch', of('/api/admin/users/ID'), { active: false })()),
  ],
  'DELETE /api/admin/users/:id/sessions': [
    'reauthentication-asked',
    stale(() => api(asAdmin, 'delete', of('/api/admin/users/ID/sessions'), {})()),
  ],
  'DELETE /api/admin/users/:id/sessions/:handle': [
    'reauthentication-asked',
    stale(() => api(asAdmin, 'delete', of('/api/admin/users/ID/sessions/x'), {})()),
  ],
  'DELETE /api/admin/users/:id/wrong-codes': [
    'reauthentication-asked',
    stale(() => api(asAdmin, 'delete', of('/api/admin/users/ID/wrong-codes'), {})()),
  ],
  'POST /admin/users/:id': [
    'reauthentication-asked',
    stale(() => form(asAdmin, of('/admin/users/ID'), { action: 'end-all' }, '/account/email')()),
  ],
};
/** What changes something without a check of who it is. */
const unchecked = [
  'POST /api/logout',
  'POST /logout',
  'POST /api/login/passkey/options',
  'POST /api/email/verification',
  'POST /api/password/forgotten',
  'POST /password/forgotten',
];

/** The events of a request, as soon as there is one. */
async function events(): Promise<string[]> {
  const read = () =>
    site.cluster.read<RowDataPacket>('SELECT event FROM audit_events WHERE request_id = ?', [requestId]);
  await until(async () => (await read()).length > 0, 10_000);
  return (await read()).map((row) => (row as { event: string }).event);
}

it('every route that changes something is known to check an identity or not', () => {
  const changing = routesOfApp()
    .filter((route) => route.method !== 'GET' && isAudited(route))
    .map(({ method, path }) => `${method} ${path}`);
  const known = [...Object.keys(checks).filter((route) => !route.startsWith('GET ')), ...unchecked];
  expect(changing.sort()).toEqual(known.sort());
});

it.each(Object.entries(checks))(
  'ASVS 16.3.1 and 16.3.3: a refusal by %s leaves an event',
  async (_route, [event, send]) => {
    requestId = randomUUID();
    const { status } = await send();
    expect(status).toBeLessThan(500);
    expect(await events()).toEqual([event]);
  },
);

it('ASVS 16.3.3: whatever is throttled leaves an event: second factor, re-authentication, mails, registrations', async () => {
  const strict = await site.server({
    THROTTLE_LOGINS_PER_ACCOUNT: '1',
    THROTTLE_MAILS_PER_ADDRESS: '1',
    THROTTLE_REGISTRATIONS_PER_ADDRESS: '1',
  });
  const signedIn = site.browser(strict, { 'x-forwarded-for': '203.0.113.9' });
  await signedIn.agent.post('/api/register').send(person());
  const second = site.browser(strict);
  await second.agent.post('/api/login').send(ann.someone);
  const cases: [ReturnType<Site['browser']>, string, object][] = [
    [second, '/api/login/second', { code: 'AAAAA-AAAAA' }],
    [signedIn, '/api/reauthenticate', wrong],
    [signedIn, '/api/password/forgotten', { email: ann.someone.email }],
    [site.browser(strict), '/api/register', person()],
  ];
  for (const [browser, path, body] of cases) {
    let status = 0;
    for (let i = 0; i < 4 && status !== 429; i += 1) {
      requestId = randomUUID();
      ({ status } = await browser.agent.post(path).set('X-Request-Id', requestId).send(body));
    }
    expect([path, status]).toEqual([path, 429]);
    expect(await events()).toEqual(['attempt-throttled']);
  }
});

it('ASVS 16.3.3: a copy of a session token that is used after the renewal of the token leaves an event', async () => {
  // Sessions keep the clock that their server was made with: here the one that jumps.
  const app = await site.server();
  const { agent, someone, id } = await site.registered(app);
  const { headers } = await agent.post('/api/login').send(someone);
  const copy = (headers['set-cookie'] as unknown as string[]).map((cookie) => cookie.split(';')[0]).join('; ');
  const now = Date.now();
  await jumpTo(now + 15 * 60_000);
  for (let i = 0; i < 2; i += 1) expect((await agent.get('/api/me')).status).toBe(200);
  await jumpTo(now + 16 * 60_000);
  expect((await site.browser(app).agent.get('/api/me').set('Cookie', copy)).status).toBe(401);
  await site.audit(id, 'session-theft');
});

it('a refused code and a link of another account leave an event', async () => {
  await site.cluster.write(
    'INSERT INTO factor_failures (user_id, failures) VALUES (?, 50) ON DUPLICATE KEY UPDATE failures = 50',
    [ann.id],
  );
  requestId = randomUUID();
  expect((await api(asPending, 'post', '/api/login/second', { code: '000000' })()).status).toBe(403);
  expect(await events()).toEqual(['second-factor-refused']);
  await site.app.get(FactorFailures).forget(ann.id);
  const { token: foreign } = await site.mailTo(admin.someone.email, /confirm that it is yours/);
  requestId = randomUUID();
  expect((await api(asAnn, 'post', '/api/email/confirm', { token: foreign })()).status).toBe(403);
  expect(await events()).toEqual(['link-refused']);
});
