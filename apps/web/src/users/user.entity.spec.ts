// What JSON tells of an account.
import { describe, expect, it } from '@jest/globals';
import { User } from './user.entity.js';

describe('a User in JSON', () => {
  it('is what the API shows, without the password hash and the secret of the authenticator app', () => {
    const shown = { id: '7', email: 'ann@example.org', name: 'Ann', roles: [] };
    const user = Object.assign(new User(), shown, { passwordHash: '$argon2', totpSecret: Buffer.from('secret') });
    // As `AuthGuard('local')` sets `request.user`: inside the account that the strategy returns.
    expect(JSON.parse(JSON.stringify({ user, epoch: 1 }))).toEqual({ user: shown, epoch: 1 });
  });
});
