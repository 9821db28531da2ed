// Visitors' sessions are bounded by address over a real MySQL server, and no user is kept from signing in by that.
import { afterAll, afterEach, beforeAll, expect, it, jest } from '@jest/globals';
import type { RowDataPacket } from 'mysql2';
import { appCode, outcome, Site } from '../testing/site.js';
import { backToNow, jumpTo } from '../testing/time.js';

jest.setTimeout(60_000);

const perAddress = 5;
const site = new Site();
beforeAll(
  () => site.start({ TRUSTED_PROXIES: 'loopback', THROTTLE_SESSIONS_PER_ADDRESS: String(perAddress) }),
  180_000,
);
afterAll(() => site.stop());
afterEach(backToNow);

const from = (ip: string) => site.browser(site.app, { 'x-forwarded-for': ip });
const put = (ip: string) => from(ip).agent.put('/api/cart/apple').send({ quantity: 1 });
const stored = async () =>
  (await site.cluster.read<RowDataPacket & { n: number }>('SELECT COUNT(*) AS n FROM sessions', []))[0].n;
/** As many visitors as may come from there. */
async function useUp(ip: string): Promise<void> {
  for (let i = 0; i < perAddress; i += 1) expect((await put(ip)).status).toBe(200);
}

it('refuses one more visitor from an address with 429 and when to come again, on the API and the pages, and stores nothing', async () => {
  const ip = '198.51.100.1';
  await useUp(ip);
  const before = await stored();
  const refused = await put(ip);
  expect(outcome(refused)).toEqual([429, 'too_many_sessions']);
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(900);
  expect(String(refused.headers['set-cookie'])).not.toContain('sid=');
  const page = await from(ip).send('/', { item: 'apple', quantity: '1' });
  expect([page.status, page.text]).toEqual([429, expect.stringContaining('Too many visitors')]);
  expect(await stored()).toBe(before);
  // Who only looks is no visitor with a session.
  expect((await from(ip).get('/')).status).toBe(200);
  expect((await put('198.51.100.2')).status).toBe(200);
  expect(await site.metrics.registry.metrics()).toContain('roam_session_events_total{type="visitor-refused"} 2');
  const lines = site.logged.filter((line) => line.includes('visitors were refused a session'));
  expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
    expect.objectContaining({ level: 'warn', reason: 'rate' }),
  ]);
  expect(site.logged.filter((line) => line.includes('could not read or write'))).toEqual([]);
});

it('lets users register and sign in from an address that visitors have used up, with a second step too', async () => {
  const ip = '198.51.100.3';
  await useUp(ip);
  expect((await put(ip)).status).toBe(429);
  const { agent } = from(ip);
  const someone = { email: 'ann@example.org', password: 'correct horse battery', name: 'Ann' };
  expect(outcome(await agent.post('/api/register').send(someone))).toEqual([201, undefined]);
  expect((await agent.put('/api/cart/apple').send({ quantity: 1 })).status).toBe(200);
  expect((await from(ip).agent.post('/api/login').send(someone)).status).toBe(200);

  const { password: currentPassword } = someone;
  const { secret } = (await agent.post('/api/factors/totp').send({ currentPassword })).body as { secret: string };
  const now = Date.now();
  await jumpTo(now);
  expect((await agent.post('/api/factors/totp/confirm').send({ code: appCode(secret) })).status).toBe(200);
  await jumpTo(now + 30_000);
  const there = from(ip);
  expect(outcome(await there.agent.post('/api/login').send(someone))).toEqual([401, 'second_factor_required']);
  expect((await there.agent.post('/api/login/second').send({ code: appCode(secret) })).status).toBe(200);
  expect((await put(ip)).status).toBe(429);
});
