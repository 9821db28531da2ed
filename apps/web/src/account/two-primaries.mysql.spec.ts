// What counts once, and what there is at most so many of, where two requests come at once to two MySQL servers that both take
// writes. No lock of one is seen by the other.
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { Type } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { MysqlCluster } from '@roam/mysql-cluster';
import type { RowDataPacket } from 'mysql2';
import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import supertest from 'supertest';
import type { EntityManager } from 'typeorm';
import { Config } from '../config/config.js';
import { limits } from '../config/limits.js';
import { Transactions } from '../database/transactions.js';
import { RecoveryCodesService } from '../factors/recovery-codes.service.js';
import { PasskeyStore } from '../passkeys/passkey-store.js';
import { Authenticator } from '../passkeys/testing/authenticator.js';
import { RequestClaims } from '../repeats/request-claims.js';
import { appCode, outcome, Site, type person } from '../testing/site.js';
import { backToNow, until } from '../testing/time.js';
import { UsersService } from '../users/users.service.js';
import { AccountTokensService, newToken, type TokenGrant } from './account-tokens.service.js';
import { TokenMailsService } from './token-mails.service.js';

jest.setTimeout(120_000);

const site = new Site([], 2);
/** A web server for each MySQL server. */
let apps: readonly [NestExpressApplication, NestExpressApplication];
let clusters: readonly [MysqlCluster, MysqlCluster];
beforeAll(async () => {
  await site.start();
  clusters = [await site.alone(0), await site.alone(1)];
  const server = (node: 0 | 1) => site.server({ SERVER_NAME: `web-${node}` }, [], clusters[node]);
  apps = [await server(0), await server(1)];
}, 240_000);
afterAll(() => site.stop());
afterEach(backToNow);

const ROUNDS = 8;
const count = async (cluster: MysqlCluster, sql: string, values: unknown[]) =>
  (await cluster.read<RowDataPacket>(sql, values as never)).length;
/** Until both MySQL servers have so many such rows. */
const onBoth = (sql: string, values: unknown[], rows: number) =>
  until(async () => (await Promise.all(clusters.map((each) => count(each, sql, values)))).every((n) => n === rows));

/** The same at both web servers at once; what came of each. */
function atOnce<T>(work: (app: NestExpressApplication, node: 0 | 1) => Promise<T>): Promise<PromiseSettledResult<T>[]> {
  return Promise.allSettled([work(apps[0], 0), work(apps[1], 1)]);
}
const valueOf = <T>(result: PromiseSettledResult<T>): T => {
  if (result.status === 'rejected') throw result.reason;
  return result.value;
};
/** Until `restoreAllMocks`: both have their turn before either goes on, so that neither sees what the other does. */
function meet(): void {
  let arrived = 0;
  let open!: () => void;
  const both = new Promise<void>((resolve) => (open = resolve));
  const arrive = async <T>(result: T): Promise<T> => {
    arrived += 1;
    if (arrived === 2) open();
    if (arrived <= 2) await Promise.race([both, sleep(700)]);
    return result;
  };
  for (const app of apps) {
    const users = app.get(UsersService);
    const [takeTurn, remove] = [users.takeTurn.bind(users), users.remove.bind(users)];
    jest.spyOn(users, 'takeTurn').mockImplementation(async (...account) => arrive(await takeTurn(...account)));
    jest.spyOn(users, 'remove').mockImplementation(async (...account) => arrive(await remove(...account)));
  }
}
/** How often `work` succeeds, in each of some rounds. */
async function successes<S>(prepare: () => Promise<S>, work: (app: NestExpressApplication, it: S) => Promise<boolean>) {
  const all: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const it = await prepare();
    const results = await atOnce((app) => work(app, it));
    all.push(results.map(valueOf).filter(Boolean).length);
  }
  return all;
}
const onceEach = Array<number>(ROUNDS).fill(1);

const get = <T>(app: NestExpressApplication, type: Type<T>): T => app.get(type);
const inTransaction = <T>(app: NestExpressApplication, work: (manager: EntityManager) => Promise<T>) =>
  app.get(Transactions).run(work);

/** A user who both know. */
async function user() {
  const someone = await site.registered(apps[0]);
  await onBoth('SELECT 1 FROM users WHERE id = ?', [someone.id], 1);
  return someone;
}
const passkey = () => ({
  publicKey: randomBytes(32),
  counter: 0,
  transports: [],
  name: 'Key',
  challenge: randomUUID(),
});
async function passkeyOf(id: string): Promise<Buffer> {
  const credentialId = randomBytes(16);
  await inTransaction(apps[0], (manager) =>
    get(apps[0], PasskeyStore).add(id, { ...passkey(), credentialId }, manager),
  );
  return credentialId;
}

const asked = () => ({ key: randomUUID(), from: '192.0.2.1', byOwner: true });

describe('at two MySQL servers at once', () => {
  it('CVE-2026-22751: the token of a mail is used once', async () => {
    const { id, someone } = await user();
    const grant: TokenGrant = { purpose: 'reset-password', userId: id, email: someone.email, endSessions: true };
    const prepare = async () => {
      const token = newToken();
      await inTransaction(apps[0], (manager) => get(apps[0], AccountTokensService).issue(token, grant, manager));
      await until(async () => (await get(apps[1], AccountTokensService).find('reset-password', token)) !== undefined);
      return token;
    };
    const use = async (app: NestExpressApplication, token: string) =>
      (await get(app, AccountTokensService).use('reset-password', token, randomUUID())) !== undefined;
    expect(await successes(prepare, use)).toEqual(onceEach);
    // As the two who have it send it.
    const token = await prepare();
    const answers = await atOnce((app, node) =>
      site
        .browser(app)
        .agent.post('/api/password/reset')
        .send({ token, password: `a completely new one ${node}` }),
    );
    expect(answers.map((answer) => outcome(valueOf(answer))).sort()).toEqual([
      [204, undefined],
      [400, 'invalid_token'],
    ]);
  });

  it('a recovery code is used once', async () => {
    const { id } = await user();
    const codes = await inTransaction(apps[0], (manager) => get(apps[0], RecoveryCodesService).renew(id, manager));
    await onBoth('SELECT 1 FROM recovery_codes WHERE user_id = ?', [id], codes.length);
    const use = (app: NestExpressApplication, code: string) =>
      get(app, RecoveryCodesService).use(id, code, randomUUID());
    expect(await successes(async () => codes.pop()!, use)).toEqual(onceEach);
  });

  it("a code of an app is used once, and an app's set-up succeeds once", async () => {
    const { id } = await user();
    const enrol = (app: NestExpressApplication) =>
      inTransaction(app, (manager) => get(app, UsersService).addTotp(id, randomBytes(48), 1, randomUUID(), manager));
    expect((await atOnce(enrol)).map(valueOf).filter(Boolean)).toHaveLength(1);
    await onBoth('SELECT 1 FROM users WHERE id = ? AND totp_since IS NOT NULL', [id], 1);
    let step = 1;
    const use = (app: NestExpressApplication, it: number) => get(app, UsersService).useTotpStep(id, it, randomUUID());
    expect(await successes(async () => (step += 1), use)).toEqual(onceEach);
  });

  it('a challenge is answered once: to sign in, and to add a passkey', async () => {
    const { id } = await user();
    const credentialId = await passkeyOf(id);
    await until(async () => (await get(apps[1], PasskeyStore).find(credentialId)) !== undefined);
    const key = (await get(apps[0], PasskeyStore).find(credentialId))!;
    let askedAt = Date.now();
    const use = (app: NestExpressApplication, at: number) =>
      get(app, PasskeyStore).use(key, { counter: 0, askedAt: at, idempotencyKey: randomUUID() });
    expect(await successes(async () => (askedAt += 1), use)).toEqual(onceEach);
    const add = (app: NestExpressApplication, challenge: string) =>
      inTransaction(app, (manager) =>
        get(app, PasskeyStore).add(id, { ...passkey(), challenge, credentialId: randomBytes(16) }, manager),
      );
    expect(await successes(async () => randomUUID(), add)).toEqual(onceEach);
  });

  it('a claimed request runs once, and its second try gets the answer of the first', async () => {
    let runs = 0;
    const claim = async (app: NestExpressApplication, id: Buffer) => {
      const [claims, cluster] = [get(app, RequestClaims), app.get(MysqlCluster)];
      const earlier = await cluster.retrying(() =>
        cluster.inOneTransaction(async () => {
          const found = await claims.take({ id, content: id, proxyKey: undefined });
          if (!found)
            await claims.answer(
              { id, content: id, proxyKey: undefined },
              { status: 201, headers: {}, sessionChanges: [] },
            );
          return found;
        }),
      );
      runs += earlier ? 0 : 1;
      if (earlier) expect(earlier).toMatchObject({ isSame: true, status: 201 });
      return true;
    };
    await successes(async () => randomBytes(32), claim);
    expect(runs).toBe(ROUNDS);
  });

  it('no user gets more links that work than there may be', async () => {
    const { id } = await user();
    const account = (await get(apps[0], UsersService).findById(id))!;
    const ask = (app: NestExpressApplication) => get(app, TokenMailsService).verify(account, asked());
    // The first is the one of the registration.
    for (let links = 2; links < limits.outstandingTokens; links += 1) expect(await ask(apps[0])).toBe(true);
    const sql = 'SELECT 1 FROM account_tokens WHERE user_id = ?';
    await onBoth(sql, [id], limits.outstandingTokens - 1);
    meet();
    expect((await atOnce(ask)).map(valueOf).sort()).toEqual([false, true]);
    await onBoth(sql, [id], limits.outstandingTokens);
  });

  it('the last of twenty passkeys is added once', async () => {
    const { id, someone } = await user();
    for (let i = 0; i < 19; i += 1) await passkeyOf(id);
    await onBoth('SELECT 1 FROM passkeys WHERE user_id = ?', [id], 19);
    const attempts = [await asking(someone, 0), await asking(someone, 1)];
    meet();
    const answers = await atOnce((_app, node) =>
      attempts[node].agent.post('/api/passkeys').send({ response: attempts[node].response, endOtherSessions: false }),
    );
    expect(answers.map((answer) => valueOf(answer).status).sort()).toEqual([201, 422]);
    await onBoth('SELECT 1 FROM passkeys WHERE user_id = ?', [id], 20);
  });

  it('the last factor that the site requires stays, whichever is removed first', async () => {
    for (let round = 0; round < 2; round += 1) {
      const { id, someone } = await user();
      const { agent, response } = await asking(someone, 0);
      const added = (await agent.post('/api/passkeys').send({ response })).body as { id: string };
      const enrolled = await agent.post('/api/factors/totp').send({ currentPassword: someone.password });
      const code = appCode((enrolled.body as { secret: string }).secret);
      expect((await agent.post('/api/factors/totp/confirm').send({ code })).status).toBe(200);
      const cookies = await sessionOf(agent, 1);
      for (const app of apps) jest.replaceProperty(app.get(Config).accounts, 'secondFactor', 'required');
      meet();
      const answers = await atOnce((app, node) => {
        const request = supertest(app.getHttpServer());
        return node === 0
          ? request.delete('/api/factors/totp').set('Cookie', cookies).send({ currentPassword: someone.password })
          : request.delete(`/api/passkeys/${added.id}`).set('Cookie', cookies);
      });
      jest.restoreAllMocks();
      expect(answers.map((answer) => valueOf(answer).status)).toContain(204);
      const left = `SELECT 1 FROM users WHERE id = ? AND (totp_since IS NOT NULL OR
        EXISTS (SELECT 1 FROM passkeys WHERE user_id = users.id AND removed_by = ''))`;
      await onBoth(left, [id], 1);
    }
  });

  it('of two administrators who take the right from each other, one keeps it', async () => {
    for (let round = 0; round < 3; round += 1) {
      const both = [await user(), await user()];
      await site.cluster.write(`UPDATE users SET roles = IF(id IN (?, ?), '["admin"]', '[]')`, [
        both[0].id,
        both[1].id,
      ]);
      await onBoth(`SELECT 1 FROM users WHERE roles = CAST('["admin"]' AS JSON)`, [], 2);
      const agents = [await signedIn(both[0].someone, 0), await signedIn(both[1].someone, 1)];
      const take = (node: 0 | 1) => agents[node].patch(`/api/admin/users/${both[1 - node].id}`).send({ admin: false });
      await atOnce((_app, node) => take(node));
      await onBoth(`SELECT 1 FROM users WHERE roles = CAST('["admin"]' AS JSON)`, [], 1);
    }
  });

  it('an account that is deleted leaves no token that another request issues meanwhile', async () => {
    for (let round = 0; round < 3; round += 1) {
      const { id } = await user();
      const account = (await get(apps[0], UsersService).findById(id))!;
      const users = get(apps[1], UsersService);
      meet();
      await atOnce(async (app, node) => {
        if (node === 1) return get(app, TokenMailsService).verify(account, asked());
        return inTransaction(app, async (manager) => {
          await get(app, UsersService).remove(id, manager);
          await get(app, AccountTokensService).deleteOf(id, manager);
          // The other one is committed meanwhile.
          await sleep(400);
        });
      });
      jest.restoreAllMocks();
      await until(async () => (await users.findById(id)) === null);
      await onBoth('SELECT 1 FROM account_tokens WHERE user_id = ?', [id], 0);
    }
  });
});

type Agent = ReturnType<typeof site.browser>['agent'];

/** Signed in a moment ago, at one of the web servers. */
async function signedIn(someone: ReturnType<typeof person>, node: 0 | 1): Promise<Agent> {
  const { agent } = site.browser(apps[node]);
  expect((await agent.post('/api/login').send(someone)).status).toBe(200);
  return agent;
}

/** Has been asked to create a passkey, which it is about to send. */
async function asking(someone: ReturnType<typeof person>, node: 0 | 1) {
  const agent = await signedIn(someone, node);
  const options = await agent.post('/api/passkeys/options').send({});
  return { agent, response: new Authenticator().create(options.body as never) };
}

/** The cookies of a session, as soon as a web server knows it. */
async function sessionOf(agent: Agent, node: 0 | 1): Promise<string> {
  const access = { domain: '127.0.0.1', path: '/', secure: false, script: false };
  const { jar } = agent as unknown as { jar: { getCookies(of: object): { toValueString(): string } } };
  const cookies = jar.getCookies(access).toValueString();
  const known = () => supertest(apps[node].getHttpServer()).get('/api/me').set('Cookie', cookies);
  await until(async () => (await known()).status === 200);
  return cookies;
}
