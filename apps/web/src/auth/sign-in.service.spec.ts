// What Passport puts into the session of a user who signs in.
import { describe, expect, it } from '@jest/globals';
import passport from 'passport';
import { User } from '../users/user.entity.js';
import { SignInService } from './sign-in.service.js';

type Serialize = (user: object, request: object, done: (error: unknown, kept: object) => void) => void;

describe('the signed-in user in the session', () => {
  it('has no secrets of the account, even if a strategy hands over the whole account', async () => {
    const nothing = {} as never;
    new SignInService(nothing, nothing, nothing, nothing, nothing, nothing, nothing);
    const bound: object[] = [];
    const request = { session: { bind: (binding: object) => bound.push(binding) } };
    const shown = { id: '7', email: 'ann@example.org', name: 'Ann', roles: [] };
    const how = { authenticatedAt: 1, userAgent: 'Firefox', ip: '192.0.2.1', twoFactors: true, mustEnrol: true };
    const user = Object.assign(new User(), shown, how, { passwordHash: '$argon2', epoch: 3, remember: true });
    const serialize = passport.serializeUser.bind(passport) as unknown as Serialize;
    const kept = await new Promise((resolve) => serialize(user, request, (_, result) => resolve(result)));
    expect(kept).toEqual({ ...shown, ...how });
    expect(bound).toEqual([{ userId: '7', epoch: 3, remember: true }]);
  });
});
