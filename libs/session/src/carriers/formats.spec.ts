// What browsers and stores hold since this release is readable by every later one: recorded values, which never change.
import { expect, it } from '@jest/globals';
import { Codec, endIn } from '../core/codec.js';
import { CookieSessions } from '../methods/cookie/cookie-sessions.js';
import { MemoryRevocationList } from '../methods/cookie/revocation/memory-revocation-list.js';
import { StandbyCopies } from '../outage/standby-copy.js';
import type { SessionRecord } from '../port/records.js';
import { Tokens } from './token.js';

const SECRETS = ['the secret of the recorded formats, 2026'];
const ID = '019ad3f0c5e84b0f8e1d2c3b4a596877';
const PAYLOAD = '{"v":1,"r":1,"d":{"user":"ann","cart":{"apple":2},"text":"ü𝄞"}}';
const RECORD: SessionRecord = {
  id: ID,
  version: 3,
  secrets: { current: 'hash', since: 1 },
  payload: PAYLOAD,
  idleEndsAt: 4_102_444_800_000,
  endsAt: 4_102_444_800_000,
  userId: 'ann',
  epoch: 2,
  writes: ['w1', 'w2'],
};

it('opens a token and a mark of 2026', () => {
  const tokens = new Tokens(SECRETS);
  const token = 'AQGa0_DF6EsPjh0sO0pZaHcHBwcHBwcHBwcHBwcHBwcHBwcHB7-ULB664WJzVqwovrCIxGw';
  expect(tokens.open(token)).toMatchObject({ id: ID, secret: Buffer.alloc(20, 7) });
  expect(tokens.openMark('3.pUw1bgLaMiZDe-_U', ID)).toBe('3');
});

it('reads content of 2026, with and without an end of its own', () => {
  const data = { user: 'ann', cart: { apple: 2 }, text: 'ü𝄞' };
  const codec = new Codec();
  expect(codec.decode(PAYLOAD)).toEqual({ data, remember: true, schema: 1 });
  expect(endIn(PAYLOAD)).toBe(Infinity);
  const shortened = '{"v":1,"r":0,"e":4102444800000,"m":60000,"d":{"user":"ann"}}';
  const expiry = { endsAt: 4_102_444_800_000, maxAge: 60_000 };
  expect(codec.decode(shortened)).toEqual({ data: { user: 'ann' }, remember: false, schema: 1, expiry });
  expect(endIn(shortened)).toBe(expiry.endsAt);
  expect(codec.encode({ data: { user: 'ann' }, remember: false, schema: 1, expiry })).toBe(shortened);
});

it('opens a sealed session and a copy for an outage of 2026', () => {
  const sealed =
    'AWPMkYxW4eWYvvdzBeOEZ2gXMh1NMmEy2STUEK-8unW1QcTgTf6bqRz6DulxqmXAEDzYJ3A6Q2S0Hx2LnvncAGCM7ysgoP9NJowml4aw9Eu4Wp02' +
    'aTbwwlkUcmJy7ZYBC-ABVFmTqvW3L1EFgT9NgiKxAf74OeIsb6LxHiEh7aFd4WUbd-IrOvXEIb9SBUTIqwLyVA9gfK1aTw2pnd9f3PheYdNGhgxp' +
    'OiqoRXbY2cYE';
  const sessions = new CookieSessions({
    secrets: SECRETS,
    audience: 'https://example.test',
    revocations: new MemoryRevocationList(),
    lifetimeMs: 1e13,
  });
  const { id, version, payload, idleEndsAt, endsAt, userId, epoch } = RECORD;
  const kept = { id, version, payload, idleEndsAt, endsAt, userId, epoch };
  expect(sessions.unseal(sealed)).toMatchObject({ record: kept, outdated: false });
  const copy =
    'AezNcuyAlYRtEY4zoEz7V91KDpRx5KHZrlast0O71wgPfOCNCBOjEFt6lMvr-M4y8oDAqmbC9_oLzsfFh7LryT7VEawyWW9VB-UPCn_2eVBd2mgt' +
    '8IYklFMz4l1YtHIeTeUeZGA8k-t9ITLVVWdxdbAuqI81XHPIRurtNhb8wjr6TSh_oR3AeZ2Pr6j4kl70QMBTmDWvo-XLfhhnxDV8Gtcre0Je-aBS' +
    'ZuDV-wT933HMFbIu6JALRdvICHzAhlTaeF-O1D6J4yEEpBgW0g';
  expect(new StandbyCopies(SECRETS).open(copy)).toMatchObject({ record: kept, mark: '3', takenAt: 1_790_000_000_000 });
});
