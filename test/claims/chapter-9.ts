// What takes back the claims of V9, self-contained tokens, and of V11, cryptography.
import { mutationsOf, type Mutation } from './mutation.js';

const cookie = 'libs/session/src/methods/cookie/cookie-sessions.spec.ts';
const xaes = 'libs/session/src/methods/cookie/xaes-256-gcm.spec.ts';
const memory = 'libs/session/src/methods/memory/memory-session-store.spec.ts';
const account = 'apps/web/src/account/account.mysql.spec.ts';
const passwords = 'apps/web/src/users/passwords.service.spec.ts';
const SEALED = 'opens nothing but what it sealed';
const ANOTHER_PLACE = 'is worth nothing for another site or another purpose with the same secrets';

export const chapter9: readonly Mutation[] = [
  ...mutationsOf('libs/session/src/methods/cookie/xaes-256-gcm.ts', xaes, [
    {
      numbers: ['9.1.1', '9.1.2', '11.3.2', '11.3.3'],
      test: SEALED,
      replace: '} catch {\n      return undefined;',
      by: '} catch {\n      return plain;',
    },
  ]),
  ...mutationsOf('libs/session/src/methods/cookie/sealer.ts', cookie, [
    {
      numbers: ['9.1.3'],
      test: 'is opened by every secret, by its key id, and is outdated under all but the first',
      replace: 'outdated: id !== this.current.id',
      by: 'outdated: false',
    },
    {
      numbers: ['9.2.2', '9.2.3', '9.2.4'],
      test: ANOTHER_PLACE,
      replace: "JSON.stringify(['roam', purpose, audience])",
      by: "JSON.stringify(['roam', purpose, audience.length > 0])",
    },
  ]),
  ...mutationsOf('libs/session/src/core/life.ts', cookie, [
    {
      numbers: ['9.2.1'],
      test: 'ends after the idle limit',
      replace: 'return Math.min(idleEndsAt, endsAt, endIn(payload));',
      by: 'return Math.min(idleEndsAt + endsAt, endsAt, endIn(payload));',
    },
    {
      numbers: ['9.2.1'],
      test: 'ends after the absolute limit however active (CVE-2024-35220)',
      replace: 'return Math.min(idleEndsAt, endsAt, endIn(payload));',
      by: 'return Math.min(idleEndsAt, endsAt + idleEndsAt, endIn(payload));',
    },
  ]),
];

export const chapter11: readonly Mutation[] = [
  ...mutationsOf('libs/session/src/carriers/token.ts', memory, [
    {
      numbers: ['11.2.2'],
      test: 'opens with every secret and seals with the first, so that secrets can be rotated',
      replace: 'this.#keys.some((key) => timingSafeEqual(mac(key.token,',
      by: 'this.#keys.slice(0, 1).some((key) => timingSafeEqual(mac(key.token,',
    },
  ]),
  ...mutationsOf('apps/web/src/auth/password-check.ts', account, [
    {
      numbers: ['11.2.2'],
      test: 'ASVS 11.4.2: is hashed anew at a login when the parameters have changed',
      replace: 'if (this.passwords.isOutdated(account.user.passwordHash)) this.rehash(account.user, password);',
      by: '',
    },
  ]),
  ...mutationsOf('libs/session/src/methods/cookie/xaes-256-gcm.ts', xaes, [
    {
      numbers: ['11.3.1'],
      test: 'is the standard: keys of %d',
      replace: 'cipher.setAAD(associated);',
      by: '',
      also: [SEALED],
    },
  ]),
  ...mutationsOf('apps/web/src/database/secret-box.ts', 'apps/web/src/database/secret-box.spec.ts', [
    {
      numbers: ['11.3.2'],
      test: 'ASVS 14.2.6: SecretBox',
      replace: '    throw new Error(\n',
      by: '    if (sealed.length > 0) return { secret: sealed, isOld: true };\n    throw new Error(\n',
    },
  ]),
  ...mutationsOf('apps/web/src/account/account-tokens.service.ts', account, [
    {
      numbers: ['11.4.1'],
      test: 'ASVS 11.4.1: keeps only the hash of a token',
      replace: "return createHash('sha256').update(token).digest();",
      by: "return Buffer.from(token.slice(0, 32).padEnd(32, '='));",
    },
  ]),
  ...mutationsOf('apps/web/src/users/passwords.service.ts', passwords, [
    {
      numbers: ['11.4.2'],
      test: 'hashes with argon2id and the parameters of OWASP',
      replace: 'memoryCost: 19_456',
      by: 'memoryCost: 4_096',
      also: ['ASVS 11.4.2: knows hashes of other parameters, takes them, and calls them outdated'],
    },
  ]),
  ...mutationsOf('libs/session/src/core/identity.ts', 'libs/session/src/core/identity.spec.ts', [
    {
      numbers: ['11.5.1'],
      test: 'ASVS 7.2.3: has 160 random bits, each of them as often set as not',
      replace: 'export const SECRET_BYTES = 20;',
      by: 'export const SECRET_BYTES = 12;',
    },
  ]),
];
