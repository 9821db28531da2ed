// What takes back the claims of V16, logging and errors.
import { mutationsOf, type Mutation } from './mutation.js';

const pages = 'apps/web/src/app.mysql.spec.ts';
const admin = 'apps/web/src/admin/admin.mysql.spec.ts';
const factors = 'apps/web/src/factors/second-factor.mysql.spec.ts';
const memory = 'libs/session/src/methods/memory/memory-session-store.spec.ts';
const AUDIT_LOG =
  'ASVS 16.3.1 to 16.3.3, 16.2.1, 16.2.5: tells of each login, failure, logout, revocation and forged request';
const UNEXPECTED = 'ASVS 16.5.1: is answered with a request id, and without its message or stack';
const SECOND_FACTOR = 'ASVS 16.3.1: is in the audit log when it is asked for, when it is wrong, and when it is right';
const ROLES =
  'ASVS 16.3.3: is in the audit log with each role that is granted or revoked, and each session that is ended';

const events: readonly Mutation[] = [
  ...mutationsOf('apps/web/src/audit/audit-event.ts', pages, [
    { numbers: ['16.2.1'], test: AUDIT_LOG, replace: "ip: (ip ?? '').slice(0, 45),", by: "ip: ''," },
    {
      numbers: ['16.2.2'],
      test: AUDIT_LOG,
      replace: 'const at = Date.now();',
      by: 'const at = Date.now() + 2 * 3_600_000;',
    },
  ]),
  ...mutationsOf('apps/web/src/audit/audit.service.ts', pages, [
    {
      numbers: ['16.2.4', '16.4.1'],
      test: AUDIT_LOG,
      replace: 'this.logger.info({ audit: line }, `audit: ${name}`);',
      by: 'this.logger.info(`audit: ${name} ${line.at}`);',
    },
  ]),
  ...mutationsOf('apps/web/src/audit/refusals.ts', pages, [
    {
      numbers: ['14.2.4', '16.2.5'],
      test: AUDIT_LOG,
      replace: "invalid_credentials: () => ['login-failed'],",
      by: "invalid_credentials: ({ body }) => ['login-failed', { email: String((body as { email: unknown }).email) }],",
    },
    { numbers: ['16.3.1'], test: AUDIT_LOG, replace: "invalid_credentials: () => ['login-failed'],", by: '' },
    { numbers: ['16.3.3'], test: AUDIT_LOG, replace: "cross_site: () => ['cross-site-refused'],", by: '' },
  ]),
  ...mutationsOf('apps/web/src/auth/sign-in.service.ts', 'apps/web/src/passkeys/passkeys.mysql.spec.ts', [
    {
      numbers: ['16.3.1'],
      test: 'signs in without password or code, on any server, with a new session',
      replace: "this.audit.note('login', caller, {}, { remember, by });",
      by: '',
    },
  ]),
  ...mutationsOf('apps/web/src/audit/refusals.ts', factors, [
    {
      numbers: ['16.3.1'],
      test: SECOND_FACTOR,
      replace: "of === 'code' ? 'second-factor-failed' : 'reauthentication-failed'",
      by: "of === 'code' ? 'attempt-throttled' : 'reauthentication-failed'",
    },
  ]),
  ...mutationsOf('apps/web/src/auth/admin.guard.ts', admin, [
    {
      numbers: ['16.3.2'],
      test: 'ASVS 8.2.1: is the only one for whom the pages and the API exist',
      replace: "this.audit.note('access-refused', request, {}, { path: request.path.slice(0, 200) });",
      by: '',
    },
  ]),
  ...mutationsOf('apps/web/src/errors/error.filter.ts', pages, [
    {
      numbers: ['16.3.4'],
      test: UNEXPECTED,
      replace: "else if (status >= 500) this.logger.error({ err: exception, code }, 'request failed');",
      by: '',
    },
  ]),
  ...mutationsOf('apps/web/src/admin/admin.service.ts', admin, [
    {
      numbers: ['16.3.3'],
      test: ROLES,
      replace: "if (role !== undefined) this.note(caller, id, role ? 'grant' : 'revoke');",
      by: '',
    },
  ]),
];

const rights: readonly Mutation[] = mutationsOf(
  'apps/web/src/database/app-rights.ts',
  'test/e2e/database-rights.e2e.ts',
  [
    {
      numbers: ['16.4.2'],
      test: 'may use the tables, and only insert into and read the audit log, on every node',
      replace: "audit_events: 'INSERT',",
      by: "audit_events: 'INSERT, UPDATE, DELETE',",
    },
  ],
);

const faults: readonly Mutation[] = [
  ...mutationsOf('apps/web/src/health/store-watch.ts', pages, [
    {
      numbers: ['16.5.2'],
      test: 'stops listening until it is back, and nobody is signed out',
      replace: 'void this.listener.close(limits.requestMs);',
      by: 'void this.listener.close.name;',
    },
  ]),
  ...mutationsOf('libs/session/src/carriers/kept.ts', memory, [
    {
      numbers: ['16.5.3'],
      test: 'never takes a store that cannot answer for "no session"',
      replace: 'const found = await this.sessions.find(id, seen);',
      by: 'const found = await this.sessions.find(id, seen).catch(() => undefined);',
    },
  ]),
  ...mutationsOf('libs/session/src/http/response-gate.ts', 'libs/session/src/http/middleware.spec.ts', [
    {
      numbers: ['16.5.3'],
      test: 'replaces the whole answer when the commit fails',
      replace: 'for (const name of response.getHeaderNames()) response.removeHeader(name);',
      by: '',
    },
  ]),
  ...mutationsOf('apps/web/src/errors/uncaught-errors.ts', 'apps/web/src/errors/uncaught-errors.spec.ts', [
    {
      numbers: ['16.5.4'],
      test: 'counts and logs what belongs to no request, and marks the server',
      replace: 'this.replacement.mark();',
      by: '',
      also: ['logs a flood of them within bounds, and says how many it left out'],
    },
  ]),
];

export const chapter16: readonly Mutation[] = [...events, ...rights, ...faults];
