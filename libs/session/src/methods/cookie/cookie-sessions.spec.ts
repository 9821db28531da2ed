// The cookie store keeps the contract of sealed stores, and what only a sealed store can get wrong.
import { describe, expect, it } from '@jest/globals';
import { stringifySetCookie } from 'cookie';
import { SessionUsageError, StoreUnavailableError } from '../../core/errors.js';
import { createdAt } from '../../core/identity.js';
import { aRecord, payload } from '../../testing/a-record.js';
import { describeSealedSessions } from '../../testing/index.js';
import { CookieSessions, type CookieSessionOptions } from './cookie-sessions.js';
import { KnownRevocations } from './revocation/known-revocations.js';
import { MemoryRevocationList } from './revocation/memory-revocation-list.js';
import { Sealer } from './sealer.js';

const DAY = 24 * 3_600_000;
const [KEY, NEW_KEY] = ['k'.repeat(32), 'n'.repeat(32)];

function storeWith(options: Partial<CookieSessionOptions> = {}): CookieSessions {
  return new CookieSessions({
    secrets: [KEY],
    audience: 'https://roam.example',
    revocations: new MemoryRevocationList(),
    lifetimeMs: 30 * DAY,
    ...options,
  });
}

describeSealedSessions('cookie', async () => {
  const revocations = new MemoryRevocationList();
  return {
    servers: [storeWith({ revocations }), storeWith({ revocations })],
    sealed: {
      rotated: storeWith({ revocations, secrets: [NEW_KEY, KEY] }),
      foreign: [storeWith({ secrets: [NEW_KEY] }), storeWith({ audience: 'https://other.example' })],
    },
  };
});

describe('a sealed session', () => {
  const store = storeWith();

  it('comes back as it was, but for what the browser need not carry', () => {
    const record = aRecord({ userId: 'user-1', epoch: 3, payload: payload({ note: '𝄞 "quoted" \n \u0000 ü', a: 1 }) });
    const { secrets, writes, ...rest } = record;
    const unsealed = store.unseal(store.seal(record))!;
    expect(unsealed).toMatchObject({ record: rest, outdated: false });
    expect(store.seal(record)).not.toBe(store.seal(record));
    expect(JSON.stringify(unsealed)).not.toContain(secrets.current);
    expect(unsealed.record.writes).not.toEqual(writes);
  });

  it('is opened by every secret, by its key id, and is outdated under all but the first', () => {
    const token = store.seal(aRecord());
    expect(storeWith({ secrets: [NEW_KEY, KEY] }).unseal(token)).toMatchObject({ outdated: true });
    expect(storeWith({ secrets: [KEY, NEW_KEY] }).unseal(token)).toMatchObject({ outdated: false });
    expect(storeWith({ secrets: [NEW_KEY] }).unseal(token)).toBeUndefined();
  });

  it('is never taken from what is not sealed (CVE-2026-39324)', () => {
    const text = JSON.stringify(aRecord({ userId: 'user-1' }));
    const sealed = store.seal(aRecord());
    const forged = [text, encodeURIComponent(text), Buffer.from(text).toString('base64url'), sealed.slice(0, -1), ''];
    for (const token of forged) expect(store.unseal(token)).toBeUndefined();
  });

  it('is worth nothing for another site or another purpose with the same secrets', () => {
    const token = store.seal(aRecord());
    expect(storeWith({ audience: 'https://roam.example:8443' }).unseal(token)).toBeUndefined();
    const plain = Buffer.from('plain');
    const site = 'https://roam.example';
    const value = new Sealer([KEY], 'identity', site).seal(plain);
    expect(new Sealer([KEY], 'identity', site).open(value)).toEqual({ plain, outdated: false });
    expect(new Sealer([KEY], 'session', site).open(value)).toBeUndefined();
  });

  it('takes exactly 4,096 bytes with name and attributes, and not one more', async () => {
    const withNote = (length: number) => aRecord({ payload: payload({ note: 'n'.repeat(length) }) });
    let length = 0;
    const fits = async () => (await store.create(withNote(length + 1)).catch(() => undefined)) !== undefined;
    while (length < 5000 && (await fits())) length++;
    const attributes = { path: '/', httpOnly: true, sameSite: 'lax', secure: true, maxAge: 2_592_000 } as const;
    const cookie = stringifySetCookie('__Host-sid', store.seal(withNote(length)), attributes);
    expect(cookie.length).toBeGreaterThan(4085);
    expect(cookie.length).toBeLessThanOrEqual(4096);
    const refused = {
      code: 'session_too_large',
      limit: 4096,
      message: expect.stringContaining(`note (${length + 3} bytes)`),
    };
    await expect(store.create(withNote(length + 1))).rejects.toMatchObject(refused);
    await expect(store.update(withNote(length + 1))).rejects.toMatchObject(refused);
    expect(() => store.seal(withNote(length + 1))).toThrow(SessionUsageError);
  });

  it('takes every content of the bytes that it promises, whoever the user is', async () => {
    const { contentBytes } = store.capabilities;
    const longest = { userId: '"'.repeat(64), epoch: 4_294_967_295, version: 4_294_967_295 };
    const content = { note: 'n'.repeat(contentBytes! - JSON.stringify({ note: '' }).length) };
    const ends = { v: 99_999, r: 1, e: 1_700_000_000_000, m: 2_592_000_000, d: content };
    expect(Buffer.byteLength(JSON.stringify(content))).toBe(contentBytes);
    expect(await store.create(aRecord({ ...longest, payload: JSON.stringify(ends) }))).toEqual({ status: 'done' });
  });

  it('does not show by its length what the content repeats', () => {
    const lengthOf = (note: string) => store.seal(aRecord({ payload: payload({ secret: 'abcdef', note }) })).length;
    expect(lengthOf('abcdef')).toBe(lengthOf('uvwxyz'));
  });

  it('is refused once its revocation may be forgotten, and may not outlast that', async () => {
    let now = Date.now();
    const patient = storeWith({ now: () => now });
    const record = aRecord({ endsAt: now + 30 * DAY });
    expect(await patient.create(record)).toEqual({ status: 'done' });
    now = createdAt(record.id) + 30 * DAY + 600_000;
    expect(await patient.admit({ ...record, idleEndsAt: Infinity, endsAt: Infinity })).toBeUndefined();
    await expect(patient.create(aRecord({ endsAt: Date.now() + 31 * DAY }))).rejects.toThrow('lifetimeMs');
  });

  it('is never admitted on the word of a list that cannot be heard', async () => {
    const revocations = new MemoryRevocationList();
    const [live, ended] = [aRecord(), aRecord()];
    await revocations.revoke(ended.id, ended.endsAt);
    revocations.ensureFresh = () => Promise.reject(new StoreUnavailableError('on purpose'));
    const cutOff = storeWith({ revocations });
    await expect(cutOff.admit(live)).rejects.toThrow(StoreUnavailableError);
    await expect(cutOff.update(live)).rejects.toThrow(StoreUnavailableError);
    // What is known to have ended stays so.
    expect(await cutOff.admit(ended)).toBeUndefined();
    expect(await cutOff.update(ended)).toEqual({ status: 'gone' });
  });

  it('refuses weak secrets', () => {
    expect(() => storeWith({ secrets: [] })).toThrow('at least one secret');
    expect(() => storeWith({ secrets: [KEY, 'short'] })).toThrow('secret 2 is shorter');
  });
});

describe('what a server knows of revocations', () => {
  it('forgets what would have ended, and nothing else', () => {
    let now = 1e12;
    const known = new KnownRevocations(() => now);
    for (let i = 0; i < 10_000; i++) known.addHandle(`handle-${i}`, now + i);
    known.addEpoch('user-1', 2, now + 5000);
    known.addEpoch('user-1', 1, now + 1);
    known.addEpoch('user-2', 1, now + 120_000);
    expect(known.epoch('user-1')).toBe(2);
    now += 61_000;
    known.addHandle('late', now + 1);
    expect(known.size).toBe(2);
    expect([known.isRevoked('late'), known.isRevoked('handle-9999')]).toEqual([true, false]);
    expect([known.epoch('user-1'), known.epoch('user-2')]).toEqual([0, 1]);
  });
});
