// One mailbox is one account, wherever its address comes in; and accounts of earlier releases work as before.
import { afterAll, afterEach, beforeAll, expect, it, jest } from '@jest/globals';
import { outcome, person, Site } from '../testing/site.js';
import { backToNow } from '../testing/time.js';

jest.setTimeout(60_000);

const site = new Site();
beforeAll(() => site.start(), 180_000);
afterAll(() => site.stop());
afterEach(backToNow);

/** Spellings of one mailbox that are not the address itself. */
const spellings = (email: string) => {
  const [local, domain] = email.split('@');
  const wide = [...domain].map((c) => (/[a-z]/.test(c) ? String.fromCodePoint(c.charCodeAt(0) + 0xfee0) : c)).join('');
  return [`${local}@ex\u00adample.org`, `${local}@${wide}`, `${local}@example。org`, ` ${email.toUpperCase()} `];
};
const hidden = ['\u0000', '\u200b', '\u202e', '\u2067', '\ud800', '\u3164'];
const login = (someone: object) => site.browser().agent.post('/api/login').send(someone);
const setAddress = (id: string, email: string) =>
  site.cluster.write('UPDATE users SET email = ? WHERE id = ?', [email, id]);

it('refuses a second account for a mailbox, at registration and at a change of address', async () => {
  const { someone } = await site.registered();
  const other = await site.registered();
  for (const email of spellings(someone.email)) {
    const second = await site
      .browser()
      .agent.post('/api/register')
      .send({ ...person(), email });
    expect(outcome(second)).toEqual([409, 'email_taken']);
    const change = { email, currentPassword: other.someone.password };
    await site.cluster.write("DELETE FROM throttles WHERE name LIKE 'mail-%'", []);
    expect(outcome(await other.agent.put('/api/email').send(change))).toEqual([409, 'email_taken']);
  }
});

it('refuses addresses and names with what cannot be seen', async () => {
  const { agent, someone } = await site.registered();
  for (const character of hidden) {
    const email = `an${character}n@example.org`;
    const opened = await site
      .browser()
      .agent.post('/api/register')
      .send({ ...person(), email });
    expect(outcome(opened)).toEqual([422, 'invalid_input']);
    const named = await site
      .browser()
      .agent.post('/api/register')
      .send(person(`An${character}n`));
    expect(outcome(named)).toEqual([422, 'invalid_input']);
    const changed = await agent.put('/api/email').send({ email, currentPassword: someone.password });
    expect(outcome(changed)).toEqual([422, 'invalid_input']);
  }
});

it('finds the account by every spelling: at sign-in, for a forgotten password, for administrators', async () => {
  const { someone } = await site.registered();
  const admin = await site.registered();
  await site.cluster.write(`UPDATE users SET roles = '["admin"]' WHERE id = ?`, [admin.id]);
  expect((await admin.agent.post('/api/login').send(admin.someone)).status).toBe(200);
  for (const email of spellings(someone.email)) {
    expect((await login({ ...someone, email })).status).toBe(200);
    const before = site.mailCatcher.mails.length;
    expect((await site.browser().agent.post('/api/password/forgotten').send({ email })).status).toBe(202);
    expect((await site.mailTo(someone.email, /request to set a new password/)).token).not.toBe('');
    expect(site.mailCatcher.mails.length).toBeGreaterThanOrEqual(before);
    const found = await admin.agent.get(`/api/admin/users?search=${encodeURIComponent(email)}`);
    expect((found.body as { users: { email: string }[] }).users.map((user) => user.email)).toEqual([someone.email]);
    await site.cluster.write("DELETE FROM throttles WHERE name LIKE 'mail-%'", []);
  }
});

it('counts wrong passwords of all spellings as those of one account', async () => {
  const { someone } = await site.registered();
  const statuses = [];
  for (const email of [...spellings(someone.email), someone.email, someone.email])
    statuses.push((await login({ email, password: 'wrong' })).status);
  expect(statuses).toEqual([401, 401, 401, 401, 401, 429]);
});

it('lets the account of an earlier release sign in with the very address that it was opened with', async () => {
  const [old, plain] = [await site.registered(), await site.registered()];
  const [local] = plain.someone.email.split('@');
  // As earlier releases took it: an address of its own, beside that of the mailbox.
  const oldAddress = `${local}@ex\u00adample.org`;
  await setAddress(old.id, oldAddress);
  const id = ({ body }: { body: unknown }) => (body as { user: { id: string } }).user.id;
  const secrets = { email: oldAddress, password: old.someone.password };
  expect(id(await login(secrets))).toBe(old.id);
  expect(id(await login({ ...secrets, email: ` ${oldAddress.toUpperCase()}` }))).toBe(old.id);
  expect(id(await login(plain.someone))).toBe(plain.id);
  // Also with characters that are refused now, and for all else that its owner does.
  const hiddenAddress = `an\u200bn-${local}@example.org`;
  await setAddress(old.id, hiddenAddress);
  const { agent } = site.browser();
  const again = { ...secrets, email: hiddenAddress };
  expect(id(await agent.post('/api/login').send(again))).toBe(old.id);
  expect((await agent.post('/api/reauthenticate').send({ currentPassword: again.password })).status).toBe(204);
  expect((await agent.post('/api/password/forgotten').send({ email: hiddenAddress })).status).toBe(202);
  await site.audit(old.id, 'login', 3);
  const change = { currentPassword: again.password, password: 'a completely new one' };
  expect((await agent.put('/api/password').send(change)).status).toBe(204);
  expect(id(await login({ ...again, password: change.password }))).toBe(old.id);
  // They may leave it for the mailbox's own address only where that has no account.
  const taken = await agent.put('/api/email').send({ email: plain.someone.email, currentPassword: change.password });
  expect(outcome(taken)).toEqual([409, 'email_taken']);
});
