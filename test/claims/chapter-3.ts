// What takes back the claims of V3, the web frontend.
import { mutationsOf, type Mutation } from './mutation.js';

const pages = 'apps/web/src/app.mysql.spec.ts';
const account = 'apps/web/src/account/account.mysql.spec.ts';
const headers = 'apps/web/src/http/security-headers.spec.ts';
const forms = 'apps/web/src/pages/form-tokens.spec.ts';
const middleware = 'libs/session/src/http/middleware.spec.ts';
const badInput = 'test/e2e/bad-input.e2e.ts';
const COOKIES_OFF = 'says that cookies are off when a form comes without any';
const COOKIES = 'sets HttpOnly, SameSite=Lax cookies, and Secure ones with the __Host- prefix on https';
const HEADERS =
  'ASVS 3.4.4, 3.4.5, 3.4.8 and 3.5.8: fix the type, tell other sites no address, and keep their windows apart';
const POLICY = 'ASVS 3.4.3 and 3.4.6: let a page load its own things only, and be framed by nobody';
const LINK = 'ASVS 6.3.7: is confirmed by the link of a mail, by the button only, once';
const OTHER_SITE = 'a write from another site is refused, a read of an unknown path is a clear 404';

const cookies: readonly Mutation[] = [
  ...mutationsOf('apps/web/src/pages/form-tokens.ts', forms, [
    {
      numbers: ['3.1.1', '3.7.5'],
      test: COOKIES_OFF,
      replace: 'if (!request.user && request.headers.cookie === undefined) throw new CookiesOffError();',
      by: '',
    },
  ]),
  ...mutationsOf('libs/session/src/carriers/cookies.ts', forms, [
    {
      numbers: ['3.3.3'],
      test: 'uses the __Host- prefix on https',
      replace: "secure ? (isOfHost ? '__Host-' : '__Secure-') : ''",
      by: "secure && !isOfHost ? '__Secure-' : ''",
    },
  ]),
  ...mutationsOf('libs/session/src/carriers/cookies.ts', middleware, [
    {
      numbers: ['3.3.1'],
      test: COOKIES,
      replace: '{ path, httpOnly: true, sameSite, secure, ...attributes }',
      by: '{ path, httpOnly: true, sameSite, secure: false, ...attributes }',
    },
    {
      numbers: ['3.3.2'],
      test: COOKIES,
      replace: '{ path, httpOnly: true, sameSite, secure, ...attributes }',
      by: "{ path, httpOnly: true, sameSite: 'none', secure, ...attributes }",
    },
    {
      numbers: ['3.3.4'],
      test: COOKIES,
      replace: '{ path, httpOnly: true, sameSite, secure, ...attributes }',
      by: '{ path, httpOnly: false, sameSite, secure, ...attributes }',
      also: ['expires both cookies by name at logout, also when nobody was logged in'],
    },
  ]),
  ...mutationsOf(
    'libs/session/src/methods/cookie/cookie-sessions.ts',
    'libs/session/src/methods/cookie/cookie-sessions.spec.ts',
    [
      {
        numbers: ['3.3.5'],
        test: 'takes exactly 4,096 bytes with name and attributes, and not one more',
        replace: 'if (bytes > COOKIE_BYTES) {',
        by: 'if (bytes > COOKIE_BYTES + 500) {',
      },
    ],
  ),
];

const securityHeaders = mutationsOf('apps/web/src/http/security-headers.ts', headers, [
  {
    numbers: ['3.2.1', '3.4.4'],
    test: HEADERS,
    replace: "xFrameOptions: { action: 'deny' },",
    by: 'xContentTypeOptions: false,',
  },
  {
    numbers: ['3.4.1'],
    test: 'ASVS 3.4.1: keep browsers on https for a year, subdomains too; on http they say nothing of it',
    replace: 'maxAge: 31_536_000',
    by: 'maxAge: 3_600',
  },
  { numbers: ['3.4.5'], test: HEADERS, replace: "policy: 'same-origin'", by: "policy: 'unsafe-url'" },
  { numbers: ['3.4.6'], test: POLICY, replace: 'frameAncestors: ["\'none\'"]', by: 'frameAncestors: ["\'self\'"]' },
  { numbers: ['3.6.1'], test: POLICY, replace: 'styleSrc: ["\'self\'"]', by: "styleSrc: ['https:']" },
  {
    numbers: ['3.4.8'],
    test: HEADERS,
    replace: "xFrameOptions: { action: 'deny' },",
    by: 'crossOriginOpenerPolicy: false,',
  },
  {
    numbers: ['3.5.8'],
    test: HEADERS,
    replace: "xFrameOptions: { action: 'deny' },",
    by: 'crossOriginResourcePolicy: false,',
  },
]);

const site: readonly Mutation[] = [
  ...mutationsOf('apps/web/src/account/account.eta', pages, [
    { numbers: ['3.2.2'], test: 'escape what people typed', replace: '<%= it.user.name %>', by: '<%~ it.user.name %>' },
  ]),
  ...mutationsOf('apps/web/src/app.ts', pages, [
    {
      numbers: ['3.4.2'],
      test: 'ASVS 3.4.2 and 13.4.6: gives no other site leave to read it, and tells no version',
      replace: "app.disable('x-powered-by');",
      by: "app.disable('x-powered-by');\n  app.enableCors({ origin: true, credentials: true });",
    },
  ]),
  ...mutationsOf('apps/web/src/http/security-headers.ts', 'apps/web/src/passkeys/passkeys.mysql.spec.ts', [
    {
      numbers: ['3.4.3'],
      test: 'ASVS 3.4.3: run by a number that only this answer carries, and nothing else does',
      replace: "randomBytes(16).toString('base64')",
      by: "Buffer.alloc(16).toString('base64')",
    },
  ]),
  ...mutationsOf('apps/web/src/account/link-pages.controller.ts', account, [
    {
      numbers: ['3.4.5'],
      test: LINK,
      replace: "Header('Referrer-Policy', 'no-referrer')",
      by: "Header('X-Referrer-Policy', 'no-referrer')",
    },
    {
      numbers: ['3.5.3'],
      test: LINK,
      replace: "const isValidToken = await this.accounts.isValidToken(caller, 'confirm', token);",
      by: "const isValidToken = await this.accounts.isValidToken(caller, 'confirm', token);\n    await this.accounts.confirmEmail(caller, String(token));",
    },
  ]),
  ...mutationsOf('apps/web/src/pages/form-tokens.ts', pages, [
    {
      numbers: ['3.5.1'],
      test: "refuse a form without a token, or with another visitor's",
      replace: 'if (!isOurs) throw new InvalidFormTokenError();',
      by: 'if (!isOurs) return;',
    },
  ]),
  ...mutationsOf('apps/web/src/app.ts', badInput, [
    {
      numbers: ['3.5.1', '3.5.2'],
      test: OTHER_SITE,
      replace: 'app.enableCsrfProtection({ trustedOrigins: [config.server.publicUrl.origin] });',
      by: '',
    },
  ]),
  ...mutationsOf('apps/web/src/http/body-parsers.ts', badInput, [
    {
      numbers: ['3.5.2'],
      test: '%s is answered with a reason',
      replace: 'if (request.policy.takesEveryType) return next();',
      by: 'if (request.policy.takesEveryType || type) return next();',
    },
  ]),
  ...mutationsOf('apps/web/src/pages/local-path.ts', pages, [
    {
      numbers: ['3.7.2'],
      test: 'go back to where one wanted to be after signing in, but never to another site',
      replace: "const fallback = '/account';",
      by: "const fallback = '/account';\n  if (typeof text === 'string' && text !== '') return text;",
    },
  ]),
];

export const chapter3: readonly Mutation[] = [...cookies, ...securityHeaders, ...site];
