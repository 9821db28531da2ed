// What takes back the claims of V6, authentication: second factors, passkeys, and the links in mails.
import { mutationsOf, type Mutation } from './mutation.js';

const account = 'apps/web/src/account/account.mysql.spec.ts';
const factors = 'apps/web/src/factors/second-factor.mysql.spec.ts';
const passkeys = 'apps/web/src/passkeys/passkeys.mysql.spec.ts';
const RESET = 'ASVS 6.4.3, 6.5.1: is set anew by a mail, once, which ends all sessions and signs nobody in';
const TEN_MINUTES = 'ASVS 6.5.5: works for ten minutes, also when anybody has asked for another one since';
const NEW_ADDRESS = 'ASVS 7.4.3: changes when the new address is confirmed, tells the old one, and ends other sessions';
const RECOVERY_CODE = 'ASVS 6.5.1 to 6.5.4: is replaced by a recovery code, once each; only their hashes are kept';
const PASSKEY_CHANGED =
  'ASVS 7.4.3 and 6.3.7: when added or removed, ends the other sessions, gives a new token, and is told by mail';

const mails: readonly Mutation[] = [
  ...mutationsOf('apps/web/src/account/account.service.ts', account, [
    {
      numbers: ['6.3.6'],
      test: RESET,
      replace: 'this.throttle.forget({ account: user.email, ip: caller.ip });',
      by: 'await this.signIns.signIn(caller, { user, epoch: await this.sessions.epochOf(user.id) }, false);',
    },
    {
      numbers: ['6.3.6'],
      test: 'is confirmed by nobody but who is signed in to its account: the link leads to the login, and from there back',
      replace: 'if (grant.userId !== caller.user.id) throw new OtherAccountError();',
      by: '',
    },
    {
      numbers: ['6.3.7'],
      test: NEW_ADDRESS,
      replace: 'await this.notices.send(user, (link) => accountMails.emailChanging(link), options);',
      by: '',
    },
  ]),
  ...mutationsOf('apps/web/src/account/account-tokens.service.ts', account, [
    {
      numbers: ['6.4.1'],
      test: TEN_MINUTES,
      replace: "randomBytes(32).toString('base64url')",
      by: "randomBytes(8).toString('base64url')",
    },
    {
      numbers: ['6.5.5', '6.4.1'],
      test: TEN_MINUTES,
      replace: "'reset-password': limits.resetTokenMs",
      by: "'reset-password': limits.emailTokenMs",
    },
  ]),
  ...mutationsOf('apps/web/src/account/account-tokens.service.ts', 'apps/web/src/account/two-primaries.mysql.spec.ts', [
    {
      numbers: ['6.6.2'],
      test: 'CVE-2026-22751: the token of a mail is used once',
      replace: "const unused = { ...works, claimedBy: In(['', idempotencyKey]) };",
      by: 'const unused = works;',
    },
  ]),
];

const codes: readonly Mutation[] = [
  ...mutationsOf('apps/web/src/factors/recovery-codes.service.ts', factors, [
    { numbers: ['6.4.4'], test: RECOVERY_CODE, replace: ", usedBy: In(['', idempotencyKey])", by: '' },
    {
      numbers: ['6.5.2'],
      test: RECOVERY_CODE,
      replace: "return createHash('sha256').update(`recovery ${code}`).digest();",
      by: 'return Buffer.from(code.padEnd(32));',
    },
    { numbers: ['6.5.3'], test: RECOVERY_CODE, replace: 'base32(randomBytes(16))', by: 'base32(Buffer.alloc(16))' },
    { numbers: ['6.5.4'], test: RECOVERY_CODE, replace: '.slice(0, 25)', by: '.slice(0, 5)' },
  ]),
  ...mutationsOf('apps/web/src/factors/factor-proofs.service.ts', factors, [
    {
      numbers: ['6.5.1'],
      test: 'ASVS 6.5.1: takes each code of the app once, and none after five minutes',
      replace: '!(await this.users.useTotpStep(user.id, step, idempotencyKey))',
      by: '(await this.users.useTotpStep(user.id, step, idempotencyKey)) === undefined',
    },
  ]),
  ...mutationsOf('apps/web/src/auth/sign-in.service.ts', 'apps/web/src/account/notices.mysql.spec.ts', [
    {
      numbers: ['6.3.5'],
      test: 'a new device is told to the owner, a known one and the registration are not',
      replace: "if (!isKnown && by !== 'registration') this.onNewDevice(caller, account.user);",
      by: 'void isKnown;',
    },
  ]),
  ...mutationsOf('apps/web/src/factors/second-factor.service.ts', factors, [
    {
      numbers: ['6.5.1'],
      test: 'ASVS 6.5.1: takes each code of the app once, and none after five minutes',
      replace: 'return pending !== undefined && Date.now() < pending.endsAt;',
      by: 'return pending !== undefined;',
    },
  ]),
  ...mutationsOf('apps/web/src/factors/totp.ts', 'apps/web/src/factors/totp.spec.ts', [
    {
      numbers: ['6.5.5'],
      test: 'takes the code of now and of the steps beside it, and no other',
      replace: '[current, current - 1, current + 1]',
      by: '[current, current - 1, current + 1, current - 2]',
    },
  ]),
  ...mutationsOf('apps/web/src/account/account.service.ts', factors, [
    {
      numbers: ['6.3.4', '6.4.3'],
      test: 'ASVS 6.4.3: stays when the password is set anew by mail; ends with the password',
      replace: 'const unproved = user.emailVerifiedAt === null;',
      by: 'const unproved = user.id !== null;',
    },
    {
      numbers: ['6.4.3'],
      test: 'that was set up before anybody had confirmed the address ends, with the passkeys, when its owner resets the password',
      replace: 'const unproved = user.emailVerifiedAt === null;',
      by: 'const unproved = user.id === null;',
    },
  ]),
  ...mutationsOf('apps/web/src/auth/enrolment.guard.ts', passkeys, [
    {
      numbers: ['6.3.3'],
      test: 'ASVS 6.3.3: lets who has none do nothing but set one up',
      replace: 'throw new SecondFactorMissingError();',
      by: 'return true;',
    },
  ]),
  ...mutationsOf('apps/web/src/factors/second-factor.service.ts', passkeys, [
    {
      numbers: ['6.3.4'],
      test: 'takes a passkey for one, and then no password alone',
      replace: 'throw new PasskeyRequiredError().concerning({ userId: user.id });',
      by: 'return false;',
    },
  ]),
];

const passkeyMutations: readonly Mutation[] = [
  ...mutationsOf('apps/web/src/passkeys/passkeys.service.ts', passkeys, [
    {
      numbers: ['6.3.7'],
      test: PASSKEY_CHANGED,
      replace: 'await this.notices.send(user, (link) => accountMails.passkey(true, link), options);',
      by: 'void options;',
    },
    {
      numbers: ['6.5.7'],
      test: 'does not sign in %s',
      replace: 'credential,\n        requireUserVerification: true,',
      by: 'credential,\n        requireUserVerification: false,',
    },
  ]),
  ...mutationsOf('apps/web/src/passkeys/passkeys.controller.ts', passkeys, [
    {
      numbers: ['6.5.6'],
      test: PASSKEY_CHANGED,
      replace: 'return this.passkeys.remove(caller, id);',
      by: 'return Promise.resolve(void [caller, id]);',
    },
  ]),
  ...mutationsOf('apps/web/src/passkeys/passkey-store.ts', passkeys, [
    {
      numbers: ['6.7.1'],
      test: 'several can belong to one account; the same one to no other',
      replace: '(Passkey, { hash, userId, removedBy',
      by: '(Passkey, { hash, removedBy',
    },
    {
      numbers: ['6.7.2'],
      test: 'is asked for without a session, and no copy of the answer and its cookie counts again',
      replace: '        .andWhere(isNew)\n',
      by: '',
    },
  ]),
  ...mutationsOf('apps/web/src/passkeys/challenges.ts', passkeys, [
    {
      numbers: ['6.7.2'],
      test: 'ASVS 6.7.2: answers what this browser was asked, once, within five minutes',
      replace: ' || Date.now() >= ours.asked.askedAt + limits.secondStepMs',
      by: '',
    },
  ]),
];

export const chapter6Factors: readonly Mutation[] = [...mails, ...codes, ...passkeyMutations];
