// What a browser was asked to sign, in a signed cookie of its own: so a visitor who asks makes no session.
import { Injectable } from '@nestjs/common';
import type { Request } from 'express';
import { Config } from '../config/config.js';
import { limits } from '../config/limits.js';
import { InvalidPasskeyError } from '../http/app.errors.js';
import { cookieAttributes, cookieName, readCookie } from '../http/cookies.js';
import { Signatures } from '../http/signatures.js';

export type Purpose = 'create' | 'get';

export interface Challenge {
  /** Random, in base64url. */
  readonly challenge: string;
  /** Milliseconds since 1970. */
  readonly askedAt: number;
}

/** One at a time for each browser, for `limits.secondStepMs`. That each counts once is the store's business. */
@Injectable()
export class Challenges {
  private readonly signatures: Signatures;
  private readonly cookie: string;

  constructor(private readonly config: Config) {
    this.signatures = new Signatures(config.session.secrets, 'roam passkey challenges');
    this.cookie = cookieName(config, 'passkey');
  }

  remember(request: Request, purpose: Purpose, challenge: string): void {
    const asked = { challenge, askedAt: Date.now() };
    const value = `${asked.askedAt}.${challenge}.${this.signatures.sign(signedText(request, purpose, asked))}`;
    request.res!.cookie(this.cookie, value, { ...cookieAttributes(this.config), maxAge: limits.secondStepMs });
  }

  /**
   * What this browser was asked, and takes it out of it.
   * @throws {InvalidPasskeyError} when that was nothing, for another purpose, as another user, or too long ago
   */
  take(request: Request, purpose: Purpose): Challenge {
    const [time, challenge = '', signature = ''] = (readCookie(request, this.cookie) ?? '').split('.');
    const asked = { challenge, askedAt: Number(time) };
    request.res!.clearCookie(this.cookie, cookieAttributes(this.config));
    const isOurs = this.signatures.verify(signedText(request, purpose, asked), signature);
    if (!isOurs || Date.now() >= asked.askedAt + limits.secondStepMs) throw new InvalidPasskeyError();
    return asked;
  }
}

function signedText(request: Request, purpose: Purpose, { challenge, askedAt }: Challenge): string {
  return `${purpose} ${request.user?.id ?? 'visitor'} ${askedAt} ${challenge}`;
}
