// What takes back the claims of V7, sessions.
import { mutationsOf, type Mutation } from './mutation.js';

const account = 'apps/web/src/account/account.mysql.spec.ts';
const stepUp = 'apps/web/src/account/step-up.mysql.spec.ts';
const factors = 'apps/web/src/factors/second-factor.mysql.spec.ts';
const passkeys = 'apps/web/src/passkeys/passkeys.mysql.spec.ts';
const admin = 'apps/web/src/admin/admin.mysql.spec.ts';
const pages = 'apps/web/src/app.mysql.spec.ts';
const memory = 'libs/session/src/methods/memory/memory-session-store.spec.ts';
const NEW_PASSWORD =
  'ASVS 6.2.3, 7.4.3, 7.2.4: needs the current one, ends the other sessions, and gives this one a new token';
const PROOF = 'ASVS 7.5.2: ends no other session until the password was given once more, with a new token';
const NEW_TOKEN = 'gives a new one at login, keeps the cart and ends the old one everywhere at once (CVE-2022-25896)';

const core: readonly Mutation[] = [
  ...mutationsOf('libs/session/src/carriers/token.ts', memory, [
    {
      numbers: ['7.2.1'],
      test: 'refuses without a read whatever we did not issue',
      replace:
        'if (!this.#keys.some((key) => timingSafeEqual(mac(key.token, signed, MAC_BYTES), given))) return undefined;',
      by: 'if (given.length === 0 || !timingSafeEqual(given, given)) return undefined;',
    },
  ]),
  ...mutationsOf('libs/session/src/core/request-session.ts', memory, [
    { numbers: ['7.2.2', '7.2.4'], test: NEW_TOKEN, replace: 'this.endings.leave(this.commits);', by: '' },
  ]),
  ...mutationsOf('libs/session/src/core/life.ts', memory, [
    {
      numbers: ['7.3.1'],
      test: 'ends after the idle limit',
      replace: 'return Math.min(idleEndsAt, endsAt, endIn(payload));',
      by: 'return Math.min(idleEndsAt + endsAt, endsAt, endIn(payload));',
    },
    {
      numbers: ['7.3.2'],
      test: 'ends after the absolute limit however active (CVE-2024-35220)',
      replace: 'return Math.min(idleEndsAt, endsAt, endIn(payload));',
      by: 'return Math.min(idleEndsAt, endsAt + idleEndsAt, endIn(payload));',
    },
  ]),
  ...mutationsOf('libs/session/src/core/endings.ts', memory, [
    {
      numbers: ['7.4.1'],
      test: 'is dead on every server once a logout is acknowledged',
      replace: 'else if (!(await this.carried.signOut(stored.record))) this.isPending = true;',
      by: '',
    },
  ]),
  ...mutationsOf('libs/session/src/core/found.ts', memory, [
    {
      numbers: ['7.6.2'],
      test: 'gives a visitor no session and no cookie until something is put into it',
      replace: 'if (!found) return;',
      by: 'if (!found) return commits.shown.showLater(() => ({ visited: 1 }));',
    },
  ]),
  ...mutationsOf('libs/session/src/core/identity.ts', 'libs/session/src/core/identity.spec.ts', [
    {
      numbers: ['7.2.3'],
      test: 'ASVS 7.2.3: has 160 random bits, each of them as often set as not',
      replace: 'secret: randomBytes(SECRET_BYTES) };',
      by: 'secret: Buffer.concat([Buffer.alloc(SECRET_BYTES - 4), randomBytes(4)]) };',
    },
  ]),
];

const tokens: readonly Mutation[] = [
  ...mutationsOf('apps/web/src/account/step-up.service.ts', stepUp, [
    {
      numbers: ['7.2.4'],
      test: PROOF,
      replace:
        "await this.signIns.renew(caller, account, { proved: true, ...(by !== 'password' && { twoFactors: true }) });",
      by: 'void account;',
    },
  ]),
  ...mutationsOf('apps/web/src/auth/sign-in.service.ts', stepUp, [
    {
      numbers: ['7.2.4'],
      test: 'and that is given while all sessions are ended brings none back',
      replace: 'epoch: proved ? Math.max(epoch, bound) : bound',
      by: 'epoch: (await this.sessions.epochOf(user.id)) + 0 * epoch * bound',
    },
  ]),
  ...mutationsOf('apps/web/src/auth/sign-in.service.ts', passkeys, [
    {
      numbers: ['7.2.4'],
      test: 'that is removed while all sessions are ended brings none back',
      replace: 'epoch: proved ? Math.max(epoch, bound) : bound',
      by: 'epoch: (await this.sessions.epochOf(user.id)) + 0 * epoch * bound',
    },
    {
      numbers: ['7.5.1'],
      test: 'when added makes no proof of identity younger',
      replace: 'authenticatedAt: proved ? Date.now() : caller.user!.authenticatedAt,',
      by: 'authenticatedAt: Date.now(),',
    },
  ]),
];

const ends: readonly Mutation[] = [
  ...mutationsOf('apps/web/src/admin/admin.service.ts', admin, [
    {
      numbers: ['7.2.4'],
      test: 'ASVS 7.2.4: changes roles, which takes a new sign-in; never their own',
      replace: 'an earlier try may have stopped before this.\n    await this.sessions.endAll(id);',
      by: '',
    },
    {
      numbers: ['7.4.5'],
      test: 'ASVS 7.4.5: sees the sessions of a user, and ends one or all',
      replace: 'if (handle === undefined) await this.sessions.endAll(id);',
      by: 'if (handle === undefined) await Promise.resolve();',
    },
    {
      numbers: ['7.5.3'],
      test: 'ASVS 7.5.3: acts with a fresh proof of identity only',
      replace: 'assertFresh(caller.user!);',
      by: '',
    },
  ]),
  ...mutationsOf('apps/web/src/account/account-data.service.ts', admin, [
    {
      numbers: ['7.4.2'],
      test: 'ASVS 7.4.2: deletes their account with the password, which ends every session and frees the address',
      replace: 'await this.sessions.endAll(user.id, caller.session);',
      by: '',
    },
    {
      numbers: ['7.5.3'],
      test: 'takes their data along, with a fresh proof of identity, and nothing secret in it',
      replace: 'assertFresh(caller.user!);',
      by: '',
    },
  ]),
  ...mutationsOf('apps/web/src/auth/sign-in.service.ts', admin, [
    {
      numbers: ['7.4.2'],
      test: 'ASVS 7.4.2: switches an account off, which ends its sessions and lets nobody in, and on again',
      replace: 'if (account.user.deactivatedAt) throw',
      by: 'if (account.user.deactivatedAt && account.epoch < 0) throw',
    },
  ]),
  ...mutationsOf('apps/web/src/account/account.service.ts', account, [
    {
      numbers: ['7.4.3'],
      test: NEW_PASSWORD,
      replace: 'if (endOtherSessions) await this.sessions.endAll(before.id, caller.session);',
      by: '',
    },
    {
      numbers: ['7.4.3'],
      test: 'leaves the other sessions alone where that is asked for',
      replace: 'if (endOtherSessions) await this.sessions.endAll(before.id, caller.session);',
      by: 'await this.sessions.endAll(before.id, caller.session);',
    },
    {
      numbers: ['7.5.1'],
      test: 'ASVS 7.4.3: changes when the new address is confirmed, tells the old one, and ends other sessions',
      replace: 'const { user } = await this.proveFully(caller, currentPassword);',
      by: 'const user = await this.current(caller.user);',
    },
  ]),
  ...mutationsOf('apps/web/src/account/account.service.ts', stepUp, [
    {
      numbers: ['7.5.1'],
      test: 'ASVS 7.5.1: where there is a second factor, changes nothing about it without that',
      replace: 'if ((await this.current(caller.user)).totpSince) assertFresh(caller.user!);',
      by: '',
    },
  ]),
  ...mutationsOf('apps/web/src/factors/second-factor.service.ts', stepUp, [
    {
      numbers: ['7.5.1'],
      test: 'ASVS 7.5.1: is known to the session that began it only, and while its proof is fresh',
      replace: 'assertFresh(caller.user!);',
      by: '',
    },
  ]),
  ...mutationsOf('apps/web/src/factors/second-factor.service.ts', factors, [
    {
      numbers: ['7.4.3'],
      test: 'ASVS 7.4.3: when turned off, ends the other sessions, and gives this one a new token',
      replace: "await this.sessions.endAll(user.id, caller.session);\n    this.audit.note('factor-removed'",
      by: "this.audit.note('factor-removed'",
    },
    {
      numbers: ['7.4.3'],
      test: 'ASVS 6.3.3: is asked for after the password, on the pages',
      replace: "await this.sessions.endAll(user.id, caller.session);\n    this.audit.note('factor-added'",
      by: "this.audit.note('factor-added'",
    },
  ]),
  ...mutationsOf('apps/web/src/devices/sessions.service.ts', stepUp, [
    { numbers: ['7.5.2'], test: PROOF, replace: 'assertFresh(caller.user!);\n    const ended', by: 'const ended' },
    {
      numbers: ['7.5.2'],
      test: PROOF,
      replace: 'assertFresh(caller.user!);\n    await supported',
      by: 'await supported',
    },
  ]),
  ...mutationsOf('apps/web/src/pages/layout.eta', pages, [
    {
      numbers: ['7.4.4'],
      test: 'ASVS 7.4.4: have a button to sign out, which works',
      replace: '/logout">',
      by: '/sign-out">',
    },
  ]),
];

export const chapter7: readonly Mutation[] = [...core, ...tokens, ...ends];
