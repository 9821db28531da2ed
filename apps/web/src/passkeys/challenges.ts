// The challenges that browsers sign with a passkey, kept in a signed cookie: a visitor who requests one needs no
// session.
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

/** One at a time for each browser, for `limits.secondStepMs`. The passkey store ensures that each counts once. */
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
   * The challenge of this browser; deletes its cookie.
   * @throws {InvalidPasskeyError} if there is none, or if it was for another purpose, another user, or has expired
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
