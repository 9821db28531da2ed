// The challenges that browsers sign with a passkey, kept in a signed cookie: a visitor who requests one needs no
// session.
import { Injectable } from '@nestjs/common';
import type { CookieSet } from '@roam/session';
import { Config } from '../config/config.js';
import { limits } from '../config/limits.js';
import { InvalidPasskeyError } from '../http/app.errors.js';
import type { Caller } from '../http/caller.js';
import { cookiesOf } from '../http/cookies.js';
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
  private readonly cookies: CookieSet;
  private readonly cookie: string;

  constructor(config: Config) {
    this.signatures = new Signatures(config.session.secrets, 'roam passkey challenges');
    this.cookies = cookiesOf(config);
    this.cookie = this.cookies.name('passkey');
  }

  remember(caller: Caller, purpose: Purpose, challenge: string): void {
    const asked = { challenge, askedAt: Date.now() };
    const value = `${asked.askedAt}.${challenge}.${this.signatures.sign(signedText(caller, purpose, asked))}`;
    caller.setCookie(this.cookie, value, { ...this.cookies.attributes, maxAge: limits.secondStepMs });
  }

  /**
   * The challenge of this browser; deletes its cookie.
   * @throws {InvalidPasskeyError} if there is none, or if it was for another purpose, another user, or has expired
   */
  take(caller: Caller, purpose: Purpose): Challenge {
    caller.clearCookie(this.cookie, this.cookies.attributes);
    const sent = caller.cookies(this.cookie).map((value) => {
      const [time, challenge = '', signature = ''] = value.split('.');
      return { asked: { challenge, askedAt: Number(time) }, signature };
    });
    const ours = sent.find(({ asked, signature }) =>
      this.signatures.verify(signedText(caller, purpose, asked), signature),
    );
    if (!ours || Date.now() >= ours.asked.askedAt + limits.secondStepMs) throw new InvalidPasskeyError();
    return ours.asked;
  }
}

function signedText(caller: Caller, purpose: Purpose, { challenge, askedAt }: Challenge): string {
  return `${purpose} ${caller.user?.id ?? 'visitor'} ${askedAt} ${challenge}`;
}
