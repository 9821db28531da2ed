import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { newIdentity } from '../core/identity.js';
import { Tokens } from './token.js';

const SECRET = 'the secret of the tokens in these tests';
const NOW = 1_790_000_000_000;

const changed = fc
  .record({ at: fc.nat(), to: fc.constantFrom(...'AZaz09-_.=%~ ') })
  .map(({ at, to }) => (text: string) => {
    const place = at % text.length;
    return text.slice(0, place) + to + text.slice(place + 1);
  });

it('opens what it has sealed, again and again', () => {
  const tokens = new Tokens([SECRET]);
  const { id, secret } = newIdentity(NOW);
  const token = tokens.seal(id, secret);
  const first = tokens.open(token)!;
  const again = tokens.open(`xx${token}`.slice(2))!;
  expect([first.id, first.secret]).toEqual([id, secret]);
  expect([again.id, again.secret, again.hash]).toEqual([id, secret, first.hash]);
});

it('refuses a token with one character changed, also when the right one is remembered', () => {
  const tokens = new Tokens([SECRET]);
  const { id, secret } = newIdentity(NOW);
  const token = tokens.seal(id, secret);
  tokens.open(token);
  fc.assert(
    fc.property(changed, (change) => {
      const other = change(token);
      fc.pre(other !== token);
      expect(tokens.open(other)).toBeUndefined();
      // What was refused is refused again.
      expect(tokens.open(other)).toBeUndefined();
    }),
  );
});

it('takes a mark for its own session only, and no other than the one that was sealed', () => {
  const tokens = new Tokens([SECRET]);
  const [own, other] = [newIdentity(NOW).id, newIdentity(NOW).id];
  const [first, second] = [tokens.sealMark(own, '1'), tokens.sealMark(own, '2')];
  // The older one too: a parallel request may come with it.
  for (const [sealed, mark] of [
    [second, '2'],
    [first, '1'],
    [second, '2'],
  ])
    expect(tokens.openMark(sealed, own)).toBe(mark);
  expect(tokens.openMark(second, other)).toBeUndefined();
  fc.assert(
    fc.property(changed, (change) => {
      const forged = change(second);
      fc.pre(forged !== second && forged !== first);
      expect(tokens.openMark(forged, own)).toBeUndefined();
    }),
  );
});

it('knows no token of other secrets, though another server has opened it', () => {
  const { id, secret } = newIdentity(NOW);
  const token = new Tokens([SECRET]).seal(id, secret);
  const tokens = new Tokens([`another ${SECRET}`]);
  expect([tokens.open(token), tokens.open(token)]).toEqual([undefined, undefined]);
  expect(new Tokens([`another ${SECRET}`, SECRET]).open(token)).toMatchObject({ id });
});
