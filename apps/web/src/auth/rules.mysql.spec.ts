// Who may act: every route that the app has, asked in each state in which a rule refuses it. A new route is asked too.
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Controller, Module, Post, Req } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { UserSessions } from '@roam/session/nest';
import type { Request } from 'express';
import { randomBytes, randomUUID } from 'node:crypto';
import type { Response } from 'supertest';
import { DataSource } from 'typeorm';
import { ApiDocument } from '../openapi/api-document.js';
import { PasskeyStore } from '../passkeys/passkey-store.js';
import { Authenticator } from '../passkeys/testing/authenticator.js';
import { countsOnce } from '../routes/counts-once.js';
import { Repeatable } from '../routes/decorators.js';
import type { Route } from '../routes/collect-routes.js';
import { routesOfApp } from '../routes-of-app.js';
import { isAudited } from '../testing/is-audited.js';
import { appCode, outcome, person, Site } from '../testing/site.js';
import { backToNow, jumpTo } from '../testing/time.js';
import { WithoutSecondFactor } from './enrolment.guard.js';

jest.setTimeout(120_000);

/** What the links in mails lead to: their tokens are the proof. */
const links = `
  POST /api/login/unlock, GET /login/unlock, POST /login/unlock, POST /api/not-me, GET /not-me, POST /not-me`;
/** For everybody. All others are for users. */
const forVisitors = `
  POST /api/register, POST /api/login, POST /api/logout, POST /api/password/forgotten, POST /api/password/reset,
  POST /api/login/second, POST /api/login/passkey/options, POST /api/login/passkey,
  GET /api/cart, PUT /api/cart/:item, DELETE /api/cart/:item,
  GET /, POST /, GET /login, POST /login, GET /register, POST /register, POST /logout, GET /login/second, POST /login/second,
  GET /password/forgotten, POST /password/forgotten, GET /password/reset, POST /password/reset, GET /email/confirm,${links}`;
/** Without SHOW_SERVER and outside of the demo, these do not exist. */
const absent = 'GET /api/streams/cluster, POST /cluster';
/** To set a second factor up or to prove it, to sign in as somebody else, and to sign out. */
const withoutFactor = `${links},
  POST /api/register, POST /api/login, POST /api/logout, POST /api/login/second, POST /api/login/passkey/options,
  POST /api/login/passkey, POST /api/reauthenticate, GET /api/factors, POST /api/factors/totp, POST /api/factors/totp/confirm,
  GET /api/passkeys, POST /api/passkeys/options, POST /api/passkeys,
  GET /, GET /login, POST /login, GET /register, POST /register, POST /logout, GET /login/second, POST /login/second,
  GET /account/confirm, POST /account/confirm, GET /account/two-step, POST /account/two-step, GET /account/passkeys`;
/** Writes that harm nobody, or ask for a proof of their own; `POST /api/factors/totp` asks for the password. */
const withoutFreshProof = `
  POST /api/reauthenticate, POST /account/confirm, POST /api/email/verification, POST /api/email/confirm, POST /email/confirm,
  POST /api/factors/totp`;
const isOf = (list: string) => new Set(list.split(',').map((route) => route.trim()));
const all = routesOfApp();
const nameOf = ({ method, path }: Route) => `${method} ${path}`;
const routes = all.map(nameOf).filter((route) => !isOf(absent).has(route));
/** Those that have to do with an account. The others are of features. */
const ofAccounts = new Set(all.filter(isAudited).map(nameOf));
/** Of a feature, whose things these requests do not know: it may say that there is none. */
const isAboutNothing = (route: string) => route.includes('/:id') && !ofAccounts.has(route);
const except = (...lists: string[]) => routes.filter((route) => !lists.some((list) => isOf(list).has(route)));

/** Makes of a session one as the earlier release wrote it. */
@Controller('api/test')
class EarlierRelease {
  @Post('earlier')
  @Repeatable({ because: countsOnce.sameAgain })
  @WithoutSecondFactor(true)
  forget(@Req() request: Request): object {
    const { passport } = request.session as unknown as { passport: { user: Record<string, unknown> } };
    const { twoFactors, ...user } = passport.user;
    (request.session as unknown as Record<string, unknown>).passport = { user };
    return { twoFactors };
  }
}
@Module({ controllers: [EarlierRelease] })
class EarlierReleaseModule {}

const site = new Site([EarlierReleaseModule]);
/** The same site after `SECOND_FACTOR=required` was set. */
let strict: NestExpressApplication;
beforeAll(async () => {
  await site.start();
  strict = await site.server({ SECOND_FACTOR: 'required' });
}, 180_000);
afterAll(() => site.stop());
afterEach(backToNow);

type Browser = ReturnType<typeof site.browser>;
const passkeys = () => site.app.get(PasskeyStore);
const wrong = 'not my password';
const credential = { id: 'eA', rawId: 'eA', type: 'public-key', response: { clientDataJSON: 'e30' } };

/** What a request needs to get past everything but the rules, and what it may destroy. */
async function contentFor(route: string, actor: string) {
  const victim = /admin.*:id/.test(route) ? await site.registered() : undefined;
  const handle = async (id: string) => (await site.app.get(UserSessions).list(id))[0]?.id ?? 'none';
  let passkey = '';
  if (/passkeys\/:id|POST \/account\/passkeys/.test(route)) {
    const spare = { publicKey: randomBytes(32), counter: 0, transports: [], name: 'Spare', challenge: randomUUID() };
    await passkeys().add(actor, { ...spare, credentialId: randomBytes(16) }, site.app.get(DataSource).manager);
    passkey = (await passkeys().listOf(actor)).find(({ name }) => name === 'Spare')!.id;
  }
  const ids = {
    ':id': victim?.id ?? (passkey || randomUUID()),
    ':item': 'apple',
    ':handle': await handle(victim?.id ?? actor),
  };
  const path = route.split(' ')[1].replace(/:\w+/g, (name) => ids[name as keyof typeof ids]);
  const proof = { currentPassword: wrong, code: '000000' };
  const change = { email: person().email, password: 'a completely new one', token: 'x'.repeat(43) };
  const act = { action: 'end-all', remove: passkey, active: true, quantity: 1, item: 'apple', response: credential };
  return {
    path,
    body: { ...proof, ...change, ...(route === 'POST /account/two-step' && { action: 'remove' }), ...act },
  };
}

/** Sends a request to a route, with the token of its form. */
async function ask(browser: Browser, route: string, actor = ''): Promise<Response> {
  const answer = await send(browser, route, actor);
  const code = outcome(answer)[1];
  if (code !== undefined) refused.set(`${route}: ${answer.status} ${code}`, isDescribed(route, answer.status, code));
  return answer;
}

async function send({ agent, token }: Browser, route: string, actor: string): Promise<Response> {
  const { path, body } = await contentFor(route, actor);
  const method = route.split(' ')[0].toLowerCase() as 'get' | 'post';
  if (method === 'get') return agent.get(path);
  if (path.startsWith('/api')) return agent[method](path).send(body);
  const _csrf = await token('/');
  const action = route === 'POST /account/two-step' ? 'remove' : 'end-all';
  const fields = Object.entries(body).filter(([, value]) => typeof value !== 'object' && typeof value !== 'boolean');
  return agent
    .post(path)
    .type('form')
    .send({ ...Object.fromEntries(fields), action, _csrf });
}

/** Each refusal of the API, and whether its description names it. */
const refused = new Map<string, boolean>();
function isDescribed(route: string, status: number, code: string): boolean {
  const [method, path] = route.replace(/:(\w+)/g, '{$1}').split(' ');
  const operation = site.app.get(ApiDocument).content.paths[path][method.toLowerCase() as 'get'];
  return JSON.stringify(operation?.responses[status] ?? '').includes(`"${code}"`);
}

const refusals = ['not_signed_in', 'second_factor_missing', 'reauthentication_required', 'not_found'];
/** Whether a rule has refused it: by a code, or on the pages by a redirect or as an address that does not exist. */
function isRefusal(route: string, answer: Response): boolean {
  const [status, code] = outcome(answer);
  if (status === 404 && isAboutNothing(route)) return false;
  if (code !== undefined) return refusals.includes(code);
  const to = answer.headers.location ?? '';
  return (
    status === 404 || (status === 303 && /^\/(login|account\/two-step|account\/confirm|email\/confirm)\b/.test(to))
  );
}

/** Those of the routes that a rule does not refuse. */
async function passed(who: Browser, asked: readonly string[], actor?: string): Promise<string[]> {
  const letThrough: string[] = [];
  for (const route of asked) {
    const answer = await ask(who, route, actor);
    if (!isRefusal(route, answer)) letThrough.push(`${route}: ${answer.status}`);
  }
  return letThrough;
}

/** The same browser at another server. */
function at(app: NestExpressApplication, { agent }: Browser): Browser {
  const there = site.browser(app);
  Object.assign(there.agent, { jar: (agent as unknown as { jar: unknown }).jar });
  return there;
}

/** An administrator with a passkey, and how they sign in. */
async function administrator() {
  const { agent, id, someone } = await site.registered();
  await site.cluster.write(`UPDATE users SET roles = '["admin"]', email_verified_at = NOW(3) WHERE id = ?`, [id]);
  const key = new Authenticator();
  const asked = await agent.post('/api/passkeys/options').send({});
  await agent.post('/api/passkeys').send({ response: key.create(asked.body as never), name: 'Key' });
  const signIn = async (app = strict) => {
    const browser = site.browser(app);
    const asked = await browser.agent.post('/api/login/passkey/options').send({});
    const answer = await browser.agent.post('/api/login/passkey').send({ response: key.get(asked.body as never) });
    expect(answer.status).toBe(200);
    return browser;
  };
  const withPassword = async (app = site.app) => {
    const browser = site.browser(app);
    expect((await browser.agent.post('/api/login').send(someone)).status).toBe(200);
    return browser;
  };
  return { id, someone, signIn, withPassword };
}

describe('a route that is not for everybody', () => {
  it('answers whoever may act: the requests of this test are refused for nothing else', async () => {
    const { id, signIn } = await administrator();
    const refused: string[] = [];
    for (const route of except(forVisitors)) {
      const answer = await ask(await signIn(), route, id);
      if (isRefusal(route, answer) || answer.status >= 500)
        refused.push(`${route}: ${answer.status} ${answer.text.slice(0, 200)}`);
    }
    expect(refused).toEqual([]);
  });

  it('answers no visitor', async () => {
    expect(await passed(site.browser(), except(forVisitors))).toEqual([]);
  });

  it('answers nobody whose password was right and whose second step is missing', async () => {
    const { agent, someone } = await site.registered();
    const enrolled = await agent.post('/api/factors/totp').send({ currentPassword: someone.password });
    const code = appCode((enrolled.body as { secret: string }).secret);
    expect((await agent.post('/api/factors/totp/confirm').send({ code })).status).toBe(200);
    const pending = site.browser();
    expect(outcome(await pending.agent.post('/api/login').send(someone))).toEqual([401, 'second_factor_required']);
    expect(await passed(pending, except(forVisitors))).toEqual([]);
  });

  it('ASVS 7.4.2: answers no session of an account that was deactivated', async () => {
    const [boss, fired] = [await administrator(), await administrator()];
    const session = await fired.signIn();
    expect((await session.agent.get('/api/me')).status).toBe(200);
    const change = await (await boss.signIn()).agent.patch(`/api/admin/users/${fired.id}`).send({ active: false });
    expect(change.status).toBe(204);
    expect(await passed(session, except(forVisitors), fired.id)).toEqual([]);
  });

  it('answers no session of an administrator whose role was taken', async () => {
    const [boss, former] = [await administrator(), await administrator()];
    const session = await former.signIn();
    const change = await (await boss.signIn()).agent.patch(`/api/admin/users/${former.id}`).send({ admin: false });
    expect(change.status).toBe(204);
    expect(await passed(session, except(forVisitors), former.id)).toEqual([]);
    const again = await former.signIn();
    expect(
      await passed(
        again,
        routes.filter((route) => /admin|openapi|docs|cluster/.test(route)),
        former.id,
      ),
    ).toEqual([]);
  });

  it('ASVS 6.3.3: answers no session that was made with a password only, as soon as the site requires more', async () => {
    const { id, withPassword } = await administrator();
    const before = await withPassword();
    expect((await before.agent.get('/api/admin/users')).status).toBe(200);
    expect(await passed(at(strict, before), except(withoutFactor), id)).toEqual([]);
  });

  it('answers no session of the earlier release, which does not say how it was made, where the site requires more', async () => {
    const { id, signIn } = await administrator();
    const browser = await signIn();
    expect((await browser.agent.get('/api/me')).status).toBe(200);
    const earlier = await browser.agent.post('/api/test/earlier').send({});
    expect(earlier.body).toEqual({ twoFactors: true });
    expect(await passed(browser, except(withoutFactor), id)).toEqual([]);
  });

  it('ASVS 7.5.1: that changes what protects an account asks for a proof that is fresh', async () => {
    const { id, signIn } = await administrator();
    // With an app, the password alone is not enough for any of them.
    await site.cluster.write('UPDATE users SET totp_since = NOW(3) WHERE id = ?', [id]);
    const session = await signIn();
    const writes = except(forVisitors, withoutFreshProof).filter(
      (route) => ofAccounts.has(route) && /^(?!GET)|export/.test(route),
    );
    await jumpTo(Date.now() + 5 * 60_000 + 1_000);
    expect(await passed(session, writes, id)).toEqual([]);
  });

  it('is refused by a code that the description of the API names', () => {
    expect(refused.size).toBeGreaterThan(60);
    expect([...refused].filter(([, isNamed]) => !isNamed)).toEqual([]);
  });
});
