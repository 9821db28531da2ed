// What takes back the claims of V12, communication, V13, configuration, and V14, data.
import { mutationsOf, type Mutation } from './mutation.js';

const pages = 'apps/web/src/app.mysql.spec.ts';
const admin = 'apps/web/src/admin/admin.mysql.spec.ts';
const compose = 'test/compose/login.compose.ts';
const nginx = 'test/nginx.spec.ts';
const tls = 'libs/mysql-cluster/src/tls.mysql.spec.ts';
const settings = 'apps/web/src/config/parse-settings.spec.ts';
const breached = 'apps/web/src/users/breached-passwords.spec.ts';
const OWN_RIGHTS = 'gives the web servers no rights and no secrets but their own, and publishes no database';
const NO_CACHE = 'ASVS 14.3.2: is kept by no cache, but for the style sheets, scripts and icon';
const SILENT = 'says nothing of what nobody expected';

export const chapter12: readonly Mutation[] = [
  ...mutationsOf('deploy/nginx/nginx.conf', nginx, [
    {
      numbers: ['12.1.1'],
      test: 'ASVS 12.1.1: offers TLS 1.2 and 1.3 only',
      replace: 'ssl_protocols TLSv1.2 TLSv1.3;',
      by: 'ssl_protocols TLSv1.1 TLSv1.2 TLSv1.3;',
    },
    {
      numbers: ['12.1.2'],
      test: 'ASVS 12.1.2: offers ciphers with authentication and forward secrecy only',
      replace: 'ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20;',
      by: 'ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20:AES128-SHA;',
    },
  ]),
  ...mutationsOf('libs/mysql-cluster/src/tls.ts', tls, [
    {
      numbers: ['12.3.2'],
      test: 'sends nothing to a node with a certificate of somebody else',
      replace: 'rejectUnauthorized: true, verifyIdentity: true',
      by: 'rejectUnauthorized: false, verifyIdentity: true',
    },
    {
      numbers: ['12.3.2'],
      test: 'sends nothing to a node with a certificate for another host',
      replace: 'verifyIdentity: true',
      by: 'verifyIdentity: false',
    },
  ]),
  ...mutationsOf('docker-compose.yml', compose, [
    {
      numbers: ['12.2.1'],
      test: 'serves https with cookies that only this host can set',
      replace: 'PUBLIC_URL: ${PUBLIC_URL:-http://localhost:${HTTP_PORT:-8080}}',
      by: 'PUBLIC_URL: http://localhost:${HTTP_PORT:-8080}',
    },
  ]),
  ...mutationsOf('deploy/mysql/start.sh', compose, [
    {
      numbers: ['12.3.1'],
      test: 'speaks with the databases by TLS only',
      replace: '--require-secure-transport=ON',
      by: '--require-secure-transport=OFF',
    },
  ]),
];

export const chapter13: readonly Mutation[] = [
  ...mutationsOf('docker-compose.yml', compose, [
    {
      numbers: ['13.2.2', '13.3.2'],
      test: OWN_RIGHTS,
      replace: 'read_only: true\n  tmpfs: [/tmp]',
      by: 'read_only: false\n  tmpfs: [/tmp]',
    },
  ]),
  ...mutationsOf('apps/web/src/config/setting-types.ts', settings, [
    {
      numbers: ['13.2.3'],
      test: 'reports every fault at once',
      replace: 'if (secret.length < minSecretLength)',
      by: 'if (secret.length < 32) return undefined;\n  if (secret.length < minSecretLength)',
      also: ['refuses session secrets that are %s (CVE-2023-27524, CVE-2019-5420)', 'says what a method lacks'],
    },
  ]),
  ...mutationsOf('apps/web/src/config/parse-settings.ts', settings, [
    {
      numbers: ['13.3.1'],
      test: 'reads the secret from the file, without its line end',
      // That the setting is not the content but the path, as if there were no such form.
      replace: 'else values[name] = content;',
      by: "else values[name] = path.padEnd(64, 'qwertzuiop');",
    },
  ]),
  ...mutationsOf('apps/web/src/errors/error-answers.ts', 'apps/web/src/errors/error-answers.spec.ts', [
    {
      numbers: ['13.4.2', '16.5.1'],
      test: SILENT,
      replace: "return new RequestError(500, 'internal_error', 'Something went wrong on our side. Please try again.');",
      by: "return new RequestError(500, 'internal_error', String(exception));",
    },
  ]),
  ...mutationsOf('apps/web/src/errors/error-answers.ts', pages, [
    {
      numbers: ['13.4.2', '16.5.1'],
      test: 'ASVS 16.5.1: is answered with a request id, and without its message or stack',
      replace: 'detail: error.message,',
      by: 'detail: error.message,\n    stack: error.stack,',
    },
  ]),
  ...mutationsOf('apps/web/src/pages/assets.ts', pages, [
    {
      numbers: ['13.4.3'],
      test: 'ASVS 3.5.6 and 13.4.3: is no script that another site could ask for, and no list of files',
      replace: "if (!asset || (request.method !== 'GET' && request.method !== 'HEAD')) return next();",
      by: "if (!asset) return request.path.startsWith('/assets') ? void response.end([...byPath.keys()].join()) : next();",
    },
  ]),
  ...mutationsOf('apps/web/src/openapi/openapi.controller.ts', admin, [
    {
      numbers: ['13.4.5'],
      test: 'ASVS 13.4.5: is for administrators, and tells of every route that there is',
      replace: '@UseGuards(AdminGuard)\n',
      by: '',
    },
  ]),
  ...mutationsOf('apps/web/src/cluster/cluster.controller.ts', pages, [
    {
      numbers: ['13.4.5'],
      test: 'is for administrators only where servers may not be shown',
      replace: 'throw new NotFoundError();',
      by: '{}',
    },
  ]),
  ...mutationsOf('apps/web/src/app.ts', pages, [
    {
      numbers: ['13.4.6'],
      test: 'ASVS 3.4.2 and 13.4.6: gives no other site leave to read it, and tells no version',
      replace: "app.disable('x-powered-by');",
      by: "app.enable('x-powered-by').use((_: unknown, answer: { setHeader: (name: string, value: string) => void }, next: () => void) => {\n    answer.setHeader('Server', 'roam/0.1.0');\n    next();\n  });",
    },
  ]),
];

export const chapter14: readonly Mutation[] = [
  ...mutationsOf('apps/web/src/outbox/outbox-worker.ts', 'apps/web/src/outbox/outbox.mysql.spec.ts', [
    {
      numbers: ['14.1.1'],
      test: 'ASVS 14.2.6: is unreadable while it waits, and erased when it is sent',
      replace: 'await this.change({ id }, { content: null, dueAt: null, sentAt: () => databaseNow });',
      by: 'await this.change({ id }, { dueAt: null, sentAt: () => databaseNow });',
    },
  ]),
  ...mutationsOf('apps/web/src/logging/logging.ts', 'apps/web/src/account/account.mysql.spec.ts', [
    {
      numbers: ['14.2.1'],
      test: 'ASVS 6.3.7: is confirmed by the link of a mail, by the button only, once',
      replace: "path: request.originalUrl?.split('?')[0],",
      by: 'path: request.originalUrl,',
    },
  ]),
  ...mutationsOf('apps/web/src/pages/page.interceptor.ts', pages, [
    {
      numbers: ['14.2.2', '14.3.2'],
      test: NO_CACHE,
      replace: "'Cache-Control': 'no-store' });",
      by: "'Cache-Control': 'private' });",
    },
  ]),
  ...mutationsOf('apps/web/src/http/request-context.ts', pages, [
    {
      numbers: ['14.3.2'],
      test: NO_CACHE,
      replace: "response.setHeader('Cache-Control', 'no-store')",
      by: "response.setHeader('Cache-Control', 'private')",
    },
  ]),
  ...mutationsOf('apps/web/src/users/breached-passwords.ts', breached, [
    {
      numbers: ['14.2.3'],
      test: 'is told five digits of the hash, and asked for padding',
      replace: '[hash.slice(0, 5), hash.slice(5)]',
      by: '[hash, hash.slice(5)]',
    },
  ]),
  ...mutationsOf('libs/session/src/core/commits.ts', 'libs/session/src/methods/memory/memory-session-store.spec.ts', [
    {
      numbers: ['14.2.4'],
      test: 'keeps nothing secret in the store',
      replace: 'current: hashSecret(secret)',
      by: "current: secret.toString('base64url')",
    },
  ]),
  ...mutationsOf('apps/web/src/auth/sign-in.service.ts', 'test/e2e/roaming.e2e.ts', [
    {
      numbers: ['14.3.1'],
      test: 'logout answers 204 to whoever asks, and expires the cookies by name',
      replace: 'caller.clearStorage();',
      by: '',
    },
  ]),
];
