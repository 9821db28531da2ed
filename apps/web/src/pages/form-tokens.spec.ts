// Form tokens: tied to the session or the visitor they were made for, and to our secrets.
import { describe, expect, it } from '@jest/globals';
import type { Request, Response } from 'express';
import type { Config } from '../config/config.js';
import { CookiesOffError, InvalidFormTokenError } from '../http/app.errors.js';
import { FormTokens } from './form-tokens.js';

const [oldSecret, newSecret] = ['old'.repeat(12), 'new'.repeat(12)];

function tokensWith(secrets: string[], secure = false): FormTokens {
  return new FormTokens({ session: { secrets }, secure } as unknown as Config);
}

/** A request with this cookie header, from this session when signed in. */
function from(cookie: string | undefined, sessionID?: string, token?: string): Request {
  const user = sessionID === undefined ? undefined : { id: 'ann' };
  return { headers: { cookie }, user, sessionID, body: { _csrf: token } } as unknown as Request;
}

/** As the guard does it. */
const check = (tokens: FormTokens, request: Request) =>
  tokens.check(request, (request.body as { _csrf?: string })._csrf);

/** A page for a visitor: its token, and the cookie it set. */
function visit(tokens: FormTokens, cookie?: string): { token: string; cookie: string | undefined } {
  let set = cookie;
  const response = {
    cookie: (name: string, value: string) => (set = `${name}=${value}`),
  } as unknown as Response;
  return { token: tokens.issue(from(cookie), response), cookie: set };
}

describe('FormTokens', () => {
  const tokens = tokensWith([newSecret]);
  const nowhere = {} as Response;

  it('gives a visitor one cookie, and accepts the forms of all their pages', () => {
    const first = visit(tokens);
    const second = visit(tokens, first.cookie);
    expect(second.cookie).toBe(first.cookie);
    for (const { token } of [first, second])
      expect(() => check(tokens, from(first.cookie, undefined, token))).not.toThrow();
  });

  it.each([
    ['without a token', (page: { cookie?: string }) => from(page.cookie)],
    ["with another visitor's token", (page: { cookie?: string }) => from(page.cookie, undefined, visit(tokens).token)],
    ['without its cookie', (page: { token: string }) => from('other=1', undefined, page.token)],
    ['with a cookie that is not ours', (page: { token: string }) => from('csrf=abc.def', undefined, page.token)],
    [
      "as somebody signed in, with a visitor's token",
      (page: { token: string; cookie?: string }) => from(page.cookie, 's1', page.token),
    ],
  ])('refuses a form %s', (_, request) => {
    expect(() => check(tokens, request(visit(tokens) as never))).toThrow(InvalidFormTokenError);
  });

  it('says that cookies are off when a form comes without any', () => {
    expect(() => check(tokens, from(undefined, undefined, visit(tokens).token))).toThrow(CookiesOffError);
  });

  it('ties the token of a signed-in page to its session, and needs no cookie', () => {
    const token = tokens.issue(from(undefined, 's1'), nowhere);
    expect(() => check(tokens, from(undefined, 's1', token))).not.toThrow();
    expect(() => check(tokens, from(undefined, 's2', token))).toThrow(InvalidFormTokenError);
  });

  it('accepts tokens and cookies of the former secret while it is still listed', () => {
    const before = visit(tokensWith([oldSecret]));
    const rotated = tokensWith([newSecret, oldSecret]);
    expect(() => check(rotated, from(before.cookie, undefined, before.token))).not.toThrow();
    expect(() => check(tokensWith([newSecret]), from(before.cookie, undefined, before.token))).toThrow(
      InvalidFormTokenError,
    );
  });

  it('uses the __Host- prefix on https', () => {
    expect(visit(tokensWith([newSecret], true)).cookie).toMatch(/^__Host-csrf=/);
  });
});
