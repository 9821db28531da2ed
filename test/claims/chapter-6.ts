// What takes back the claims of V6, authentication: passwords and the general rules. The factors: chapter-6-factors.ts.
import { mutationsOf, type Mutation } from './mutation.js';

const account = 'apps/web/src/account/account.mysql.spec.ts';
const throttling = 'apps/web/src/throttling/throttling.mysql.spec.ts';
const pages = 'apps/web/src/app.mysql.spec.ts';
const NEW_PASSWORD =
  'ASVS 6.2.3, 7.4.3, 7.2.4: needs the current one, ends the other sessions, and gives this one a new token';
const COMMON = 'ASVS 6.2.4 and 6.2.11: is refused when it is common or leans on own words, in the form too';
const FIELDS = 'ASVS 6.2.6 and 6.2.7: have password fields that hide what is typed, and that password managers fill in';

const passwords: readonly Mutation[] = [
  ...mutationsOf('apps/web/src/users/password-policy.ts', 'apps/web/src/users/password-policy.spec.ts', [
    {
      numbers: ['6.2.1'],
      test: 'ASVS 6.2.1: wants 8 characters, counted as Unicode code points after NFKC',
      replace: 'length >= passwordLength.min && ',
      by: '',
      also: ['tells what can be nobody’s password, without normalising megabytes'],
    },
    {
      numbers: ['6.2.9'],
      test: 'ASVS 6.2.9: takes 128 characters of any kind, and says when there are more',
      replace: 'recommended: 15, max: 128',
      by: 'recommended: 15, max: 64',
    },
  ]),
  ...mutationsOf('apps/web/src/users/password-policy.ts', account, [
    { numbers: ['6.2.4', '6.2.12'], test: COMMON, replace: 'if (common.has(folded))', by: "if (folded === '')" },
    { numbers: ['6.2.11'], test: COMMON, replace: 'if (left !== folded && ', by: "if (left === '' && " },
  ]),
  ...mutationsOf('apps/web/src/account/account.service.ts', account, [
    {
      numbers: ['6.2.2'],
      test: NEW_PASSWORD,
      replace: 'if (!(await this.users.replaceHash(user, passwordHash, manager))) throw new NotSignedInError();',
      by: '',
    },
    {
      numbers: ['6.2.3'],
      test: NEW_PASSWORD,
      replace: 'if (password !== false) return { ...account, password };',
      by: "return { ...account, password: password || '' };",
    },
  ]),
  ...mutationsOf('apps/web/src/users/user.schemas.ts', 'apps/web/src/users/user.schemas.spec.ts', [
    {
      numbers: ['6.2.5'],
      test: 'takes a password of any characters exactly as it is',
      replace: "password: z.string({ error: 'Choose a password.' })",
      by: "password: z.string({ error: 'Choose a password.' }).trim()",
    },
  ]),
  ...mutationsOf('apps/web/src/pages/field.eta', pages, [
    { numbers: ['6.2.6'], test: FIELDS, replace: 'type="<%= it.type %>"', by: 'type="text"' },
    {
      numbers: ['6.2.7'],
      test: FIELDS,
      replace: 'autocomplete="<%= it.autocomplete %>"',
      by: 'autocomplete="off" onpaste="return false"',
    },
  ]),
  ...mutationsOf('apps/web/src/users/passwords.service.ts', 'apps/web/src/users/passwords.service.spec.ts', [
    {
      numbers: ['6.2.8'],
      test: 'ASVS 6.2.8: knows a password by what it says, however its letters are composed, and by nothing less',
      replace: 'const task = { passwordHash: against, password: normalizedPassword(password) };',
      by: 'const task = { passwordHash: against, password };',
    },
    {
      numbers: ['6.3.8'],
      test: 'works as long for an unknown user as for a known one',
      replace: 'const against = passwordHash ?? (await this.dummy);',
      by: 'if (passwordHash === undefined) return false;\n    const against = passwordHash;',
    },
  ]),
  ...mutationsOf('apps/web/src/auth/password-check.ts', account, [
    {
      numbers: ['6.2.10'],
      test: 'ASVS 6.2.10: never expires',
      replace: 'if (!user || !matches) return false;',
      by: 'if (!user || !matches || Date.now() - user.createdAt.getTime() > 366 * 24 * 3_600_000) return false;',
    },
  ]),
  ...mutationsOf('apps/web/src/users/breached-passwords.ts', account, [
    {
      numbers: ['6.2.12'],
      test: 'ASVS 6.2.12: decides too where the site names one: at registration, at a change and by mail',
      replace: "return result === 'breached';",
      by: "return result !== 'breached' && result === undefined;",
    },
  ]),
];

const guessing: readonly Mutation[] = [
  ...mutationsOf('apps/web/src/throttling/throttle.service.ts', throttling, [
    {
      numbers: ['6.1.1'],
      test: 'ASVS 6.1.1: a guesser in one place does not keep the account’s owner out of it',
      replace: '`device-${device}` : address)',
      by: '`device-${device}` : name)',
    },
    {
      numbers: ['6.1.1'],
      test: 'ASVS 6.3.1: while 32 addresses guess, the owner signs in at once, on a device and from an address that are known, and on a new one',
      replace: '(tries < limits.firstTries ? limits.firstTriesPerDay : 0)',
      by: '0 * tries',
    },
    {
      numbers: ['6.3.1'],
      test: 'ASVS 6.3.1: wrong passwords make the next attempt wait longer and longer, on every server',
      replace: 'refuse(waitOf(failures, { free, firstMs: limits.throttleFirstMs, maxMs: limits.throttleMaxMs }));',
      by: '',
    },
    {
      numbers: ['6.3.1'],
      test: 'ASVS 6.3.1: all strangers together check 300 passwords of an account a day, however many addresses they have',
      replace: 'const isUsedUp = (tried?.consumedPoints ?? 0) >= strangersLimit(tries);',
      by: 'const isUsedUp = (tried?.consumedPoints ?? 0) >= 100 * strangersLimit(tries);',
    },
    {
      numbers: ['6.3.1'],
      test: 'ASVS 6.3.1: trying one password on many accounts from one address is bounded, its failures only',
      replace: 'refuseIfUsedUp(addresses, fromHere);',
      by: '',
    },
    {
      numbers: ['6.3.1'],
      test: 'ASVS 6.3.1: a burst of attempts has no more tries than one after the other, but for one on each further server',
      replace: 'permits: 1,',
      by: 'permits: 40,',
    },
    {
      numbers: ['6.6.3'],
      test: 'ASVS 6.6.3: mails to an account are bounded, in a way that no stranger can use up for its owner',
      replace: 'if (!isDevice) await consume(this.mailsFromAddress, address).catch(concerning(request));',
      by: 'void [isDevice, address];',
    },
    {
      numbers: ['6.3.8'],
      test: 'ASVS 2.4.1: opening accounts is bounded by address and hour',
      replace: 'refuseIfUsedUp(this.registrations, await this.registrations.get(address));',
      by: '',
    },
  ]),
  ...mutationsOf('apps/web/src/throttling/throttle.service.ts', account, [
    {
      numbers: ['6.6.3'],
      test: 'ASVS 6.3.8: does not tell whether there is such an account, and is bounded for both',
      replace: 'await consume(this.mailsByPair, own).catch(concerning(request));',
      by: 'void own;',
    },
  ]),
  ...mutationsOf('apps/web/src/account/account.service.ts', account, [
    {
      numbers: ['6.3.8'],
      test: 'ASVS 6.3.8: does not tell whether there is such an account, and is bounded for both',
      replace: "this.audit.note('password-forgotten', caller, { email });",
      by: 'if (!(await this.users.findByEmail(email))) throw new InvalidTokenError();',
    },
    {
      numbers: ['6.3.8'],
      test: 'that another account has meanwhile is not taken from it',
      replace: 'await this.throttle.mail({ account: email, ip: caller.ip });',
      by: '',
    },
  ]),
  ...mutationsOf('apps/web/src/users/migrations/create-users.ts', 'apps/web/src/database/migrate.mysql.spec.ts', [
    {
      numbers: ['6.3.2'],
      test: 'ASVS 6.3.2: finds no account that they have made',
      replace: ') ENGINE = InnoDB DEFAULT CHARSET = utf8mb4`);',
      by: ") ENGINE = InnoDB DEFAULT CHARSET = utf8mb4`);\n    await runner.query(`INSERT IGNORE INTO users VALUES ('1', 'admin@example.org', 'admin', '', '[]', NOW(3))`);",
    },
  ]),
  ...mutationsOf('apps/web/src/account/token-mails.service.ts', 'apps/web/src/outbox/outbox.mysql.spec.ts', [
    {
      numbers: ['6.3.8'],
      test: 'ASVS 6.3.8: a forgotten password is one row before the answer, whether there is an account or not',
      replace: 'await this.outbox.put({ kind: forgotten',
      by: 'if (await this.users.findByEmail(email)) await this.outbox.put({ kind: forgotten',
    },
  ]),
];

export const chapter6: readonly Mutation[] = [...passwords, ...guessing];
