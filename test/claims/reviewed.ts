// Mutations that a reviewer chose, who has not written the tests: each weakens a check in another way than the chapters do.
import { mutationsOf, type Mutation } from './mutation.js';

const factors = 'apps/web/src/factors/second-factor.mysql.spec.ts';
const notices = 'apps/web/src/account/notices.mysql.spec.ts';
const passkeys = 'apps/web/src/passkeys/passkeys.mysql.spec.ts';
const stepUp = 'apps/web/src/account/step-up.mysql.spec.ts';

export const reviewed: readonly Mutation[] = [
  ...mutationsOf('apps/web/src/throttling/throttle.service.ts', 'apps/web/src/throttling/throttling.mysql.spec.ts', [
    {
      numbers: ['6.3.1'],
      test: 'ASVS 6.3.1: a burst from many addresses has hardly more',
      replace: 'permits: 5, maxWaiting: 32',
      by: 'permits: 96, maxWaiting: 32',
    },
  ]),
  ...mutationsOf('apps/web/src/auth/sign-in.service.ts', notices, [
    {
      numbers: ['6.3.5'],
      test: 'a new device is told to the owner, a known one and the registration are not',
      replace: "by !== 'registration'",
      by: "by === 'password'",
    },
  ]),
  ...mutationsOf('apps/web/src/account/not-me.service.ts', notices, [
    {
      numbers: ['6.3.7'],
      test: 'the link survives a change of password and address by a thief, who loses both by it',
      // The thief's own link would stay, which gives the account the thief's address again.
      replace: 'await this.tokens.revokeAll(user.id);',
      by: 'await this.tokens.revoke(user.id);',
    },
  ]),
  ...mutationsOf('apps/web/src/auth/password-check.ts', 'apps/web/src/account/equal-work.mysql.spec.ts', [
    {
      numbers: ['6.3.8'],
      test: 'where a password is wrong',
      replace: 'await this.passwords.verify(user?.passwordHash, password);',
      by: 'user !== null && (await this.passwords.verify(user.passwordHash, password));',
    },
  ]),
  ...mutationsOf('apps/web/src/users/users.service.ts', factors, [
    {
      numbers: ['6.5.1'],
      test: 'ASVS 6.5.1: takes each code of the app once, and none after five minutes',
      // Only the code that was used last would be refused.
      replace: 'totpStep: LessThan(step)',
      by: 'totpStep: Not(step)',
    },
  ]),
  ...mutationsOf('apps/web/src/passkeys/passkeys.service.ts', passkeys, [
    {
      numbers: ['6.5.6'],
      test: 'ASVS 7.4.3 and 6.3.7: when added or removed, ends the other sessions, gives a new token, and is told by mail',
      replace: 'await this.changed(caller, user, true, isLast',
      by: 'await this.changed(caller, user, false, isLast',
      also: ['that is removed while all sessions are ended brings none back'],
    },
  ]),
  ...mutationsOf('apps/web/src/passkeys/challenges.ts', passkeys, [
    {
      numbers: ['6.7.2'],
      test: 'is asked for without a session, and no copy of the answer and its cookie counts again',
      // Whoever has a copy could make the challenge a later one.
      replace: "${caller.user?.id ?? 'visitor'} ${askedAt} ${challenge}",
      by: "${caller.user?.id ?? 'visitor'} ${askedAt > 0} ${challenge}",
    },
  ]),
  ...mutationsOf('apps/web/src/auth/sign-in.service.ts', stepUp, [
    {
      numbers: ['7.3.2'],
      test: 'ASVS 7.3.2: a session lasts as long as the user chose at sign-in, also after a new proof of identity',
      replace: 'remember: caller.session!.info.remember,',
      by: 'remember: true,',
    },
  ]),
  ...mutationsOf('apps/web/src/factors/second-factor.service.ts', factors, [
    {
      numbers: ['7.4.3'],
      test: 'ASVS 7.4.3: leaves no session of a sign-in whose password was changed between its two steps',
      replace: "await this.signIns.signIn(caller, { user, epoch }, remember, 'password and code');",
      by: "await this.signIns.signIn(\n      caller,\n      { user, epoch: Math.max(epoch, await this.sessions.epochOf(userId)) },\n      remember,\n      'password and code',\n    );",
    },
  ]),
  ...mutationsOf('apps/web/src/session.options.ts', 'apps/web/src/audit/refusals.mysql.spec.ts', [
    {
      numbers: ['16.3.3'],
      test: 'ASVS 16.3.3: a copy of a session token that is used after the renewal of the token leaves an event',
      replace: "if (event.type === 'theft')\n        audit.noteWithoutRequest(",
      by: "if (event.type === 'theft' && event.id === '')\n        audit.noteWithoutRequest(",
    },
  ]),
  ...mutationsOf('apps/web/src/auth/password-check.ts', stepUp, [
    {
      numbers: ['7.2.4'],
      test: 'ASVS 7.2.4: a sign-in that was begun before all sessions were ended opens none',
      replace: 'return { user, epoch };',
      by: 'return { user, epoch: Math.max(epoch, await this.sessions.epochOf(id)) };',
    },
  ]),
  ...mutationsOf('apps/web/src/account/account-data.service.ts', 'apps/web/src/admin/admin.mysql.spec.ts', [
    {
      numbers: ['7.4.2'],
      test: 'ASVS 7.4.2: deletes their account with the password, which ends every session and frees the address',
      replace: 'await this.users.change(user.id, { deactivatedAt: user.deactivatedAt ?? new Date() }, manager);',
      by: '',
    },
  ]),
];
