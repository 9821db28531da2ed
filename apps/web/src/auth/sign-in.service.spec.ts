// What a sign-in puts into the session.
import { expect, it } from '@jest/globals';
import { User } from '../users/user.entity.js';
import { SignInService } from './sign-in.service.js';

it('keeps no secrets of the account in the session, and binds it to the user', async () => {
  const nothing = {} as never;
  const other = { isDemandedOf: () => true, makeRoom: () => undefined, note: () => undefined } as never;
  const signIns = new SignInService(nothing, nothing, nothing, other, other, other);
  const bound: object[] = [];
  const session = {
    regenerate: () => Promise.resolve(),
    bind(binding: object) {
      bound.push(binding);
      return { save: () => Promise.resolve() };
    },
  };
  const shown = { id: '7', email: 'ann@example.org', name: 'Ann', roles: [] };
  const caller = { session, userAgent: 'Firefox', ip: '192.0.2.1' };
  const user = Object.assign(new User(), shown, { totpSecret: Buffer.from('secret') });
  await signIns.signIn(caller as never, { user, epoch: 3 }, true);
  const kept = {
    ...shown,
    authenticatedAt: expect.any(Number),
    userAgent: 'Firefox',
    ip: '192.0.2.1',
    mustEnrol: true,
  };
  expect([caller, session]).toMatchObject([{ user: kept }, { passport: { user: kept } }]);
  expect(JSON.stringify(session)).not.toContain('secret');
  expect(Object.keys(caller).length).toBe(4);
  expect(bound).toEqual([{ userId: '7', epoch: 3, remember: true }]);
});
