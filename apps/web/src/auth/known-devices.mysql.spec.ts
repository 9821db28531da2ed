// The owner of an account signs in on a device that is known, however many others guess the password.
import { afterAll, afterEach, beforeAll, expect, it, jest } from '@jest/globals';
import { limits } from '../config/limits.js';
import { Site } from '../testing/site.js';

jest.setTimeout(60_000);

const site = new Site();
beforeAll(() => site.start({ TRUSTED_PROXIES: 'loopback' }), 180_000);
afterAll(() => site.stop());
afterEach(() => void jest.restoreAllMocks());

const from = (ip: string) => site.browser(site.app, { 'x-forwarded-for': ip }).agent;
let addresses = 0;
/** Uses up what strangers may try in a day. */
async function guess(email: string): Promise<void> {
  jest.replaceProperty(limits, 'strangersPerDay', 3 as never);
  jest.replaceProperty(limits, 'firstTriesPerDay', 2 as never);
  const statuses = [];
  for (let i = 0; i < 6; i += 1) {
    const stranger = from(`198.51.100.${addresses++}`);
    statuses.push((await stranger.post('/api/login').send({ email, password: `guess ${i}` })).status);
  }
  expect(statuses).toEqual([401, 401, 401, 401, 401, 429]);
}

it('ASVS 6.3.1: signs in after a sign-out on a device that has signed in, while others have used up all tries', async () => {
  const { agent, someone } = await site.registered();
  expect((await agent.post('/api/logout')).status).toBe(204);
  await guess(someone.email);
  expect((await from('203.0.113.1').post('/api/login').send(someone)).status).toBe(429);
  const known = await agent.post('/api/login').set('x-forwarded-for', '203.0.113.2').send(someone);
  expect(known.status).toBe(200);
  // The browser knows its cookie already.
  expect(String(known.headers['set-cookie'])).not.toContain('device=');
});

it('ASVS 6.3.1: signs in from an address that has signed in, on whatever device', async () => {
  const { someone, id } = await site.registered();
  const address = '203.0.113.7';
  expect((await from(address).post('/api/login').send(someone)).status).toBe(200);
  await site.audit(id, 'login', 2);
  await guess(someone.email);
  expect((await from(address).post('/api/login').send(someone)).status).toBe(200);
});

it('is no device any more when the password was changed, nor for another account', async () => {
  const { agent, someone } = await site.registered();
  const there = from('203.0.113.20');
  expect((await there.post('/api/login').send(someone)).status).toBe(200);
  const password = 'a completely new one';
  const change = { currentPassword: someone.password, password };
  expect((await agent.put('/api/password').send(change)).status).toBe(204);
  await guess(someone.email);
  const elsewhere = (ip: string) => ({ 'x-forwarded-for': ip });
  const old = await there
    .post('/api/login')
    .set(elsewhere('203.0.113.21'))
    .send({ ...someone, password });
  expect(old.status).toBe(429);
  const changed = await agent
    .post('/api/login')
    .set(elsewhere('203.0.113.22'))
    .send({ ...someone, password });
  expect(changed.status).toBe(200);
  const other = await site.registered();
  await guess(other.someone.email);
  const foreign = await agent.post('/api/login').set(elsewhere('203.0.113.23')).send(other.someone);
  expect(foreign.status).toBe(429);
});

it('ASVS 6.3.1: asks for a link to set a new password where others have used up all that their address may', async () => {
  const { agent, someone } = await site.registered();
  const { email } = someone;
  const office = from('203.0.113.40');
  const asked = [];
  for (let i = 0; i < 6; i += 1) asked.push((await office.post('/api/password/forgotten').send({ email })).status);
  expect(asked).toEqual([202, 202, 202, 202, 202, 429]);
  const own = await agent.post('/api/password/forgotten').set('x-forwarded-for', '203.0.113.40').send({ email });
  expect(own.status).toBe(202);
});
