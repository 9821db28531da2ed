// The token of each form, so that no other site can send it (signed double submit, OWASP CSRF Cheat Sheet).
import { Injectable } from '@nestjs/common';
import type { CookieSet } from '@roam/session';
import type { Request, Response } from 'express';
import { randomBytes } from 'node:crypto';
import { Config } from '../config/config.js';
import { CookiesOffError, InvalidFormTokenError } from '../http/app.errors.js';
import { cookiesOf, readCookies } from '../http/cookies.js';
import { Signatures } from '../http/signatures.js';

/**
 * The token of a signed-in user belongs to the session's id, so it ends with the session. A visitor's belongs to a
 * signed random value in a cookie.
 */
@Injectable()
export class FormTokens {
  private readonly signatures: Signatures;
  private readonly cookies: CookieSet;
  private readonly cookie: string;

  constructor(config: Config) {
    this.signatures = new Signatures(config.session.secrets, 'roam form tokens');
    this.cookies = cookiesOf(config);
    this.cookie = this.cookies.name('csrf');
  }

  /** The token for the forms of this response; sets the visitor's cookie if it is missing. */
  issue(request: Request, response: Response): string {
    if (request.user) return this.signatures.sign(`session ${request.sessionID}`);
    const visitor = this.visitor(request) ?? this.setVisitorCookie(response);
    return this.signatures.sign(`visitor ${visitor}`);
  }

  /**
   * @param forVisitors whether a signed-in user may send what was made for the visitor of the same browser
   * @throws {CookiesOffError} when no cookie came along
   * @throws {InvalidFormTokenError} unless the form was made for this session or visitor
   */
  check(request: Request, token: string | undefined, forVisitors = false): void {
    if (!request.user && request.headers.cookie === undefined) throw new CookiesOffError();
    const visitor = request.user && !forVisitors ? undefined : this.visitor(request);
    const owners = [request.user && `session ${request.sessionID}`, visitor && `visitor ${visitor}`];
    const isOurs = owners.some((owner) => token && owner && this.signatures.verify(owner, token));
    if (!isOurs) throw new InvalidFormTokenError();
  }

  /** The random value of the visitor's cookie, if we issued it. */
  private visitor(request: Request): string | undefined {
    const sent = readCookies(request, this.cookie).map((cookie) => cookie.split('.'));
    return sent.find(([value, signature = '']) => this.signatures.verify(`cookie ${value}`, signature))?.[0];
  }

  private setVisitorCookie(response: Response): string {
    const value = randomBytes(16).toString('base64url');
    const signature = this.signatures.sign(`cookie ${value}`);
    response.cookie(this.cookie, `${value}.${signature}`, this.cookies.attributes);
    return value;
  }
}
