// Administration, and the export and deletion of an account; each over both API and pages.
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { servedRoutes } from '../routes/served-routes.js';
import { outcome, Site } from '../testing/site.js';
import { backToNow, jumpTo } from '../testing/time.js';
import { UsersService } from '../users/users.service.js';

jest.setTimeout(60_000);

const site = new Site();
let admin: Awaited<ReturnType<typeof site.registered>>;

beforeAll(async () => {
  await site.start();
  admin = await site.registered(site.app, 'Ada');
  await site.cluster.write(`UPDATE users SET roles = '["admin"]' WHERE id = ?`, [admin.id]);
  await admin.agent.post('/api/login').send(admin.someone);
}, 180_000);
afterAll(() => site.stop());
afterEach(backToNow);

const page = (id: string) => `/admin/users/${id}`;

describe('an administrator', () => {
  it('ASVS 8.2.1: is the only one for whom the pages and the API exist', async () => {
    const { agent, get, id } = await site.registered();
    for (const path of ['/api/admin/users', `/api/admin/users/${id}`, '/api/admin/audit']) {
      expect(outcome(await agent.get(path))).toEqual([404, 'not_found']);
      expect(outcome(await site.browser().get(path))).toEqual([401, 'not_signed_in']);
    }
    expect(outcome(await agent.patch(`/api/admin/users/${id}`).send({ admin: true }))).toEqual([404, 'not_found']);
    // ASVS 16.3.2
    await site.audit(id, 'access-refused', 4);
    expect((await get('/admin')).status).toBe(404);
    expect((await site.browser().get('/admin')).headers.location).toBe('/login?returnTo=%2Fadmin');
    expect((await admin.get('/admin')).text).toContain(admin.someone.email);
  });

  it('is the only one who finds its pages in the navigation, which each visitor sees in the same order', async () => {
    const entries = async ({ get }: Pick<ReturnType<typeof site.browser>, 'get'>) =>
      [...(await get('/')).text.split('</nav>')[0].matchAll(/href="(\/[a-z]+)"/g)].map(([, path]) => path);
    const others = await entries(await site.registered());
    expect(others.at(-1)).toBe('/account');
    expect(others).not.toContain('/admin');
    expect(await entries(admin)).toEqual([...others.slice(0, -1), '/admin', '/account']);
    expect(await entries(site.browser())).toEqual(['/login', '/register']);
  });

  it('finds users by the beginning of their address, and nothing else by it', async () => {
    const { someone, id } = await site.registered();
    const search = async (text: string) =>
      (await admin.get(`/api/admin/users?search=${encodeURIComponent(text)}`)).body as { users: { id: string }[] };
    expect((await search(someone.email.slice(0, 12).toUpperCase())).users.map((user) => user.id)).toEqual([id]);
    expect((await search('%')).users).toEqual([]);
    const found = await admin.get(`/admin?search=${someone.email}`);
    expect(found.text).toContain(`/admin/users/${id}`);
  });

  it('ASVS 7.4.5: sees the sessions of a user, and ends one or all', async () => {
    const { agent, someone, id } = await site.registered();
    const there = site.browser();
    await there.agent.post('/api/login').send(someone);
    const { sessions } = (await admin.get(`/api/admin/users/${id}`)).body as { sessions: { handle: string }[] };
    expect(sessions).toHaveLength(2);
    const own = (await there.get('/api/sessions')).body as { handle: string; current: boolean }[];
    const { handle } = own.find(({ current }) => current)!;
    expect((await admin.send(page(id), { handle })).headers.location).toBe(page(id));
    expect([(await there.get('/api/me')).status, (await agent.get('/api/me')).status]).toEqual([401, 200]);
    expect((await admin.agent.delete(`/api/admin/users/${id}/sessions`)).status).toBe(204);
    expect((await agent.get('/api/me')).status).toBe(401);
    await there.agent.post('/api/login').send(someone);
    await admin.send(page(id), { action: 'end-all' });
    expect((await there.get('/api/me')).status).toBe(401);
    expect(outcome(await admin.agent.delete(`/api/admin/users/${id}/sessions/unknown`))[0]).toBe(404);
  });

  it('ASVS 7.4.2: switches an account off, which ends its sessions and lets nobody in, and on again', async () => {
    const { agent, someone, id } = await site.registered();
    expect((await admin.send(page(id), { action: 'deactivate' })).status).toBe(303);
    expect((await agent.get('/api/me')).status).toBe(401);
    // Only a user who knows the password is told.
    const wrong = await site
      .browser()
      .agent.post('/api/login')
      .send({ ...someone, password: 'an utterly wrong one' });
    expect(outcome(wrong)).toEqual([401, 'invalid_credentials']);
    expect(outcome(await site.browser().agent.post('/api/login').send(someone))).toEqual([403, 'account_deactivated']);
    const form = await site.browser().send('/login', someone);
    expect([form.status, form.text]).toEqual([403, expect.stringContaining('This account is deactivated')]);
    await site.mailTo(someone.email, /has deactivated your account/);
    expect((await admin.agent.patch(`/api/admin/users/${id}`).send({ active: true })).status).toBe(204);
    expect((await agent.post('/api/login').send(someone)).status).toBe(200);
    const acts = await site.audit(id, 'admin', 2);
    expect(acts.map(({ details }) => details as unknown)).toEqual([
      { command: 'deactivate', by: admin.id },
      { command: 'activate', by: admin.id },
    ]);
  });

  it('ASVS 7.2.4: changes roles, which takes a new sign-in; never their own', async () => {
    const { agent, someone, id } = await site.registered();
    await admin.send(page(id), { action: 'grant' });
    expect((await agent.get('/api/me')).status).toBe(401);
    await agent.post('/api/login').send(someone);
    expect((await agent.get('/api/admin/users')).status).toBe(200);
    expect(outcome(await agent.patch(`/api/admin/users/${id}`).send({ admin: false }))[0]).toBe(422);
    expect((await admin.agent.patch(`/api/admin/users/${id}`).send({ admin: false })).status).toBe(204);
    expect((await agent.get('/api/admin/users')).status).toBe(401);
    expect(outcome(await admin.agent.patch(`/api/admin/users/${id}`).send({}))[0]).toBe(422);
  });

  it('ASVS 16.3.3: is in the audit log with each role that is granted or revoked, and each session that is ended', async () => {
    const { id, someone, agent } = await site.registered();
    const path = `/api${page(id)}`;
    for (const role of [{ admin: true }, { admin: false }])
      expect((await admin.agent.patch(path).send(role)).status).toBe(204);
    await agent.post('/api/login').send(someone);
    const [{ handle }] = (await agent.get('/api/sessions')).body as { handle: string }[];
    expect((await admin.agent.delete(`${path}/sessions/${handle}`)).status).toBe(204);
    expect((await admin.agent.delete(`${path}/sessions`)).status).toBe(204);
    const acts = await site.audit(id, 'admin', 4);
    expect(acts.map(({ details }) => details as unknown)).toEqual(
      ['grant', 'revoke', 'end-session', 'end-all'].map((command) => ({ command, by: admin.id })),
    );
  });

  it('is always there: of two who take each other their right at once, and of the last who leaves, one stays', async () => {
    const [one, two] = [await site.registered(), await site.registered()];
    const pair = [one, two];
    await site.cluster.write(`UPDATE users SET roles = '[]' WHERE id = ?`, [admin.id]);
    for (let round = 0; round < 10; round += 1) {
      await site.cluster.write(`UPDATE users SET roles = '["admin"]' WHERE id IN (?, ?)`, [one.id, two.id]);
      for (const { agent, someone } of pair) expect((await agent.post('/api/login').send(someone)).status).toBe(200);
      const answers = await Promise.all([
        one.agent.patch(page(two.id).replace('/', '/api/')).send({ admin: false }),
        two.agent.patch(page(one.id).replace('/', '/api/')).send(round % 2 ? { admin: false } : { active: false }),
      ]);
      expect(answers.map(({ status }) => status).filter((status) => status === 204)).toHaveLength(1);
      const left = await site.cluster.read(
        `SELECT id FROM users WHERE deactivated_at IS NULL AND JSON_CONTAINS(roles, '"admin"')`,
        [],
      );
      expect(left).toHaveLength(1);
      await site.cluster.write('UPDATE users SET deactivated_at = NULL WHERE id IN (?, ?)', [one.id, two.id]);
    }
    await site.cluster.write(`UPDATE users SET roles = '["admin"]' WHERE id = ?`, [one.id]);
    await site.cluster.write(`UPDATE users SET roles = '[]' WHERE id = ?`, [two.id]);
    await one.agent.post('/api/login').send(one.someone);
    const { password: currentPassword } = one.someone;
    const leaving = await one.agent.delete('/api/account').send({ currentPassword });
    expect(outcome(leaving)).toEqual([422, 'invalid_input']);
    expect((await one.agent.get('/api/me')).status).toBe(200);
    await site.cluster.write(`UPDATE users SET roles = '["admin"]' WHERE id = ?`, [admin.id]);
    await admin.agent.post('/api/login').send(admin.someone);
    expect((await one.agent.delete('/api/account').send({ currentPassword })).status).toBe(204);
  });

  it('ASVS 7.5.3: acts with a fresh proof of identity only', async () => {
    const { agent, id } = await site.registered();
    const now = Date.now();
    await jumpTo(now + 5 * 60_000 + 1_000);
    await new Promise((resolve) => setTimeout(resolve, 120));
    const stale = await admin.agent.patch(`/api/admin/users/${id}`).send({ active: false });
    expect(outcome(stale)).toEqual([403, 'reauthentication_required']);
    const asked = await admin.send(page(id), { action: 'deactivate' });
    expect(asked.headers.location).toBe(`/account/confirm?returnTo=${encodeURIComponent(page(id))}`);
    expect((await agent.get('/api/me')).status).toBe(200);
  });

  it('reads the audit log, of one user or of one kind of event', async () => {
    const { agent, id } = await site.registered();
    await agent.post('/api/logout').send({});
    await site.audit(id, 'logout');
    const log = (await admin.get(`/api/admin/audit?userId=${id}`)).body as { events: { event: string }[] };
    expect(log.events.map(({ event }) => event)).toEqual(['logout', 'login', 'registered']);
    const shown = await admin.get(`/admin/audit?userId=${id}&event=logout`);
    expect(shown.text).toContain('<td>logout</td>');
    expect(shown.text).not.toContain('<td>login</td>');
    expect((await admin.get('/api/admin/audit?before=nonsense')).status).toBe(422);
  });
});

describe('the description of the API', () => {
  it('ASVS 13.4.5: is for administrators, and tells of every route that there is', async () => {
    const { agent } = await site.registered();
    expect((await agent.get('/api/openapi.json')).status).toBe(404);
    const { paths } = (await admin.get('/api/openapi.json')).body as { paths: Record<string, object> };
    const described = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const served = servedRoutes(site.app)
      .map((route) => route.replace(/:(\w+)/g, '{$1}'))
      .filter((route) => route.includes(' /api/') && route !== 'GET /api/docs');
    expect(described.sort()).toEqual(served.sort());
  });

  it('ASVS 13.4.5: is a page of administrators too, refused as their other pages are', async () => {
    const { agent } = await site.registered();
    const [visitor, user] = [await site.browser().get('/api/docs'), await agent.get('/api/docs')];
    expect([visitor.status, visitor.headers.location]).toEqual([303, '/login?returnTo=%2Fapi%2Fdocs']);
    expect([user.status, user.headers['content-type']]).toEqual([404, 'text/html; charset=utf-8']);
    const page = await admin.get('/api/docs?from=nav');
    expect([page.status, page.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    const { paths } = (await admin.get('/api/openapi.json')).body as { paths: Record<string, object> };
    for (const [path, methods] of Object.entries(paths))
      for (const method of Object.keys(methods))
        expect(page.text).toContain(`<code>${method.toUpperCase()} ${path}</code>`);
    expect(page.text).toContain('<td>reauthentication_required, second_factor_missing, cross_site</td>');
    expect((await site.browser().get('/api/docs/more')).headers['content-type']).toMatch(/^application\/json/);
  });
});

describe('a person', () => {
  it('takes their data along, with a fresh proof of identity, and nothing secret in it', async () => {
    const { agent, get, someone, id } = await site.registered();
    await admin.agent.delete(`/api/admin/users/${id}/sessions`);
    await agent.post('/api/login').send(someone);
    await site.audit(id, 'login', 2);
    await site.audit(id, 'admin');
    const file = await get('/account/export');
    expect(file.headers['content-disposition']).toBe('attachment; filename="account.json"');
    expect(file.body).toMatchObject({ account: { id, email: someone.email, name: 'Ann' }, sessions: [{}] });
    const { events } = file.body as { events: { event: string; ip: string; details: object }[] };
    expect(events.map(({ event }) => event)).toContain('registered');
    // The action of an administrator, without the administrator's name and address.
    expect(events.find(({ event }) => event === 'admin')).toMatchObject({ ip: '', details: { command: 'end-all' } });
    expect(file.text).not.toContain(admin.id);
    expect(file.text).not.toMatch(/argon2|totpSecret|passwordHash/);
    const now = Date.now();
    await jumpTo(now + 5 * 60_000 + 1_000);
    await new Promise((resolve) => setTimeout(resolve, 120));
    expect(outcome(await agent.get('/api/account/export'))).toEqual([403, 'reauthentication_required']);
    expect((await get('/account/export')).headers.location).toMatch(/^\/account\/confirm/);
  });

  it('ASVS 7.4.2: deletes their account with the password, which ends every session and frees the address', async () => {
    const { agent, send, someone, id } = await site.registered();
    const there = site.browser();
    await there.agent.post('/api/login').send(someone);
    expect((await send('/account/leave', { currentPassword: 'not my password' })).status).toBe(422);
    expect((await there.get('/api/me')).status).toBe(200);
    // If the deletion is cut off half way, the other sessions have ended, and the user can repeat it.
    jest.spyOn(site.app.get(UsersService), 'remove').mockRejectedValueOnce(new Error('cut off'));
    expect((await send('/account/leave', { currentPassword: someone.password })).status).toBe(500);
    expect((await there.get('/api/me')).status).toBe(401);
    expect((await there.agent.post('/api/login').send(someone)).status).not.toBe(200);
    const gone = await send('/account/leave', { currentPassword: someone.password });
    expect([gone.status, gone.headers.location]).toEqual([303, '/']);
    expect([(await agent.get('/api/me')).status, (await there.get('/api/me')).status]).toEqual([401, 401]);
    expect(outcome(await agent.post('/api/login').send(someone))).toEqual([401, 'invalid_credentials']);
    for (const table of ['account_tokens', 'recovery_codes'])
      expect(await site.cluster.read(`SELECT 1 FROM ${table} WHERE user_id = ?`, [id])).toEqual([]);
    await site.mailTo(someone.email, /have been deleted/);
    await site.audit(id, 'account-deleted');
    const again = await site.browser().agent.post('/api/register').send(someone);
    expect(again.status).toBe(201);
    const { password: currentPassword } = someone;
    const other = site.browser();
    await other.agent.post('/api/login').send(someone);
    expect((await other.agent.delete('/api/account').send({ currentPassword })).status).toBe(204);
    expect(outcome(await other.agent.post('/api/login').send(someone))[0]).toBe(401);
  });
});
