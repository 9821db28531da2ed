// Who calls, as services see a request: the session, the user and plain values, without Express.
import { createParamDecorator } from '@nestjs/common';
import type { CookieSet, Session } from '@roam/session';
import type { Request } from 'express';
import { readCookies } from './cookies.js';

type CookieAttributes = CookieSet['attributes'] & { readonly maxAge?: number };

/** It follows the request: after a sign-in, `user` and `session` are the new ones. */
export class Caller {
  constructor(private readonly request: Request) {}

  /** Undefined for a visitor. */
  get user(): Express.User | undefined {
    return this.request.user;
  }

  set user(user: Express.User | undefined) {
    this.request.user = user;
  }

  /** Undefined when it was destroyed. */
  get session(): Session | undefined {
    return this.request.session;
  }

  /** The id of the request, for the logs. */
  get id(): string {
    return this.request.id as string;
  }

  /** The id that a trusted proxy gave the request: every try of one request has the same. */
  get trustedId(): string | undefined {
    return this.request.trustedId;
  }

  get ip(): string | undefined {
    return this.request.ip;
  }

  get path(): string {
    return this.request.path;
  }

  get userAgent(): string {
    return this.request.get('user-agent') ?? '';
  }

  /** As `readCookies`. */
  cookies(name: string): readonly string[] {
    return readCookies(this.request, name);
  }

  setCookie(name: string, value: string, attributes: CookieAttributes): void {
    this.request.res!.cookie(name, value, attributes);
  }

  clearCookie(name: string, attributes: CookieAttributes): void {
    this.request.res!.clearCookie(name, attributes);
  }

  /** Has the browser delete what scripts of the site have kept. Not the cookies: other apps on this host have some too. */
  clearStorage(): void {
    this.request.res!.setHeader('Clear-Site-Data', '"storage"');
  }
}

/** The caller, as a parameter of a handler. Where the user or the session is enough: `@CurrentUser()`, `@Session()`. */
export const CurrentCaller = createParamDecorator(
  (_data: unknown, context) => new Caller(context.switchToHttp().getRequest<Request>()),
);
