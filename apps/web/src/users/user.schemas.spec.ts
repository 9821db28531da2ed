// The input of users: canonical addresses, a fault for each field, and passwords exactly as entered.
import { describe, expect, it } from '@jest/globals';
import { faultsByField } from '../http/validation.js';
import { credentials, registration } from './user.schemas.js';

describe('registration', () => {
  const good = { email: 'ann@example.org', password: 'correct horse', name: 'Ann' };

  it('brings the address into its canonical form and the name into shape', () => {
    const parsed = registration.parse({ ...good, email: '  ANN@Exa\u0301mple.ORG ', name: '  Ann \t  Example ' });
    expect(parsed.email).toBe('ann@exámple.org');
    expect(parsed.name).toBe('Ann Example');
  });

  it('takes a password of any characters exactly as it is', () => {
    const password = '  pässwörd \u{1f511} ';
    expect(registration.parse({ ...good, password }).password).toBe(password);
  });

  it('names every wrong field once', () => {
    const parsed = registration.safeParse({ email: 'ann', password: 'short' });
    expect(Object.keys(faultsByField(parsed.error!.issues)).sort()).toEqual(['email', 'name', 'password']);
    expect(faultsByField(registration.safeParse('text').error!.issues)).toEqual({
      body: 'Send a JSON object with email, password and name.',
    });
  });

  it.each([
    'ann',
    '@example.org',
    'ann@',
    'ann@localhost',
    'a nn@example.org',
    'ann@example..org',
    'ann@b@example.org',
  ])('refuses %s as an address', (email) => {
    expect(registration.safeParse({ ...good, email }).success).toBe(false);
  });

  it('refuses names that cannot be shown', () => {
    for (const name of ['', '   ', 'a\u0000b', 'a\u202eb', 'x'.repeat(101)]) {
      expect(registration.safeParse({ ...good, name }).success).toBe(false);
    }
  });
});

describe('credentials', () => {
  it.each([
    [undefined, false],
    [true, true],
    ['on', true],
    ['', false],
    [false, false],
  ])('reads remember %j as %j', (remember, expected) => {
    expect(credentials.parse({ email: 'a@b.c', password: 'x', remember }).remember).toBe(expected);
  });

  it('refuses what is not text', () => {
    expect(credentials.safeParse({ email: { $ne: 1 }, password: ['x'] }).success).toBe(false);
  });
});
