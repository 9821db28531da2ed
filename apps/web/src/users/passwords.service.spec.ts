// Password hashing: its parameters, the same work for unknown users, and its limits under load.
import { describe, expect, it, jest } from '@jest/globals';
import { hash } from '@node-rs/argon2';
import { OverloadedError } from '../http/app.errors.js';
import type { BreachedPasswords } from './breached-passwords.js';
import { PasswordsService } from './passwords.service.js';

const noService = { has: () => Promise.resolve(false) } as unknown as BreachedPasswords;

// Each hash is work for a processor, which may be busy.
jest.setTimeout(30_000);

describe('PasswordsService', () => {
  it('hashes with argon2id and the parameters of OWASP', async () => {
    const passwords = new PasswordsService(noService);
    const stored = await passwords.hash('correct horse battery');
    expect(stored).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(await passwords.verify(stored, 'correct horse battery')).toBe(true);
    expect(await passwords.verify(stored, 'correct horse batterx')).toBe(false);
  });

  it('ASVS 6.2.8: knows a password by what it says, however its letters are composed, and by nothing less', async () => {
    const passwords = new PasswordsService(noService);
    const stored = await passwords.hash('cafe\u0301 au lait');
    for (const sameWords of ['caf\u00e9 au lait', 'cafe\u0301 au lait'])
      expect(await passwords.verify(stored, sameWords)).toBe(true);
    expect(await passwords.verify(stored, 'cafe au lait')).toBe(false);
    expect(await passwords.verify(stored, 'Caf\u00e9 au lait')).toBe(false);
    const long = await passwords.hash('x'.repeat(128));
    expect(await passwords.verify(long, 'x'.repeat(127))).toBe(false);
  });

  it('ASVS 11.4.2: knows hashes of other parameters, takes them, and calls them outdated', async () => {
    const passwords = new PasswordsService(noService);
    const weak = await hash('correct horse battery', { memoryCost: 8_192, timeCost: 1, parallelism: 1 });
    expect(await passwords.verify(weak, 'correct horse battery')).toBe(true);
    expect(passwords.isOutdated(weak)).toBe(true);
    expect(passwords.isOutdated(await passwords.hash('correct horse battery'))).toBe(false);
  });

  it('works as long for an unknown user as for a known one', async () => {
    const passwords = new PasswordsService(noService);
    const stored = await passwords.hash('correct horse battery');
    await passwords.verify(undefined, 'warm up');
    const time = async (hash: string | undefined) => {
      const start = performance.now();
      expect(await passwords.verify(hash, 'a wrong one')).toBe(false);
      return performance.now() - start;
    };
    // Alternately, and the shortest of each: other load on the machine only makes a round longer.
    let [known, unknown] = [Infinity, Infinity];
    for (let round = 0; round < 15; round += 1) {
      known = Math.min(known, await time(stored));
      unknown = Math.min(unknown, await time(undefined));
    }
    expect(unknown / known).toBeGreaterThan(0.5);
    expect(unknown / known).toBeLessThan(2);
  });

  it('refuses with "overloaded" instead of queueing without end, and works again afterwards', async () => {
    const passwords = new PasswordsService(noService);
    const results = await Promise.allSettled(Array.from({ length: 260 }, () => passwords.hash('a password')));
    const refused = results.filter((result) => result.status === 'rejected');
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.every((result) => result.reason instanceof OverloadedError)).toBe(true);
    expect(results.length - refused.length).toBeGreaterThan(0);
    expect(await passwords.hash('a password')).toMatch(/^\$argon2id/);
  });
});
