// Browsers that have signed in to an account: whoever guesses its password elsewhere does not keep them out.
import { Injectable } from '@nestjs/common';
import type { CookieSet, Session } from '@roam/session';
import { hash, randomBytes } from 'node:crypto';
import { Config } from '../config/config.js';
import type { Caller } from '../http/caller.js';
import { cookiesOf } from '../http/cookies.js';
import { Signatures } from '../http/signatures.js';
import { accountKey } from '../users/account-key.js';
import { unknownUserId } from '../users/unknown-user.js';
import type { UserWithSecrets } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';

/** A browser keeps a cookie for no longer. */
const MAX_AGE_MS = 400 * 24 * 3_600_000;
/** Of one browser: the last ones that were signed in to. */
const MAX_ACCOUNTS = 4;
/** Characters of the account's key that tell which token is for it. */
const ACCOUNT_LENGTH = 8;

/** What the browser keeps of one account, as `account.device.signature`. */
interface Token {
  readonly account: string;
  readonly device: string;
  readonly signature: string;
}

/**
 * The cookie outlives a sign-out. Its tokens are signed together with the password's hash, so a new password ends them. It
 * proves no identity: it only says by which counter wrong passwords of this browser count.
 */
@Injectable()
export class KnownDevices {
  private readonly signatures: Signatures;
  private readonly cookies: CookieSet;
  private readonly cookie: string;

  constructor(
    config: Config,
    private readonly users: UsersService,
  ) {
    this.signatures = new Signatures(config.session.secrets, 'roam known devices');
    this.cookies = cookiesOf(config);
    this.cookie = this.cookies.name('device');
  }

  /**
   * As `idOf`. Only a browser that has a cookie for the address costs a look at it. Anybody can write such a cookie: what it
   * costs does not tell whether there is an account.
   */
  async find(caller: Caller, email: string): Promise<string | undefined> {
    if (this.tokensFor(caller, email).length === 0) return undefined;
    const id = (await this.users.findByEmail(email))?.id ?? unknownUserId;
    const user = await this.users.findWithSecrets(id);
    return user ? this.idOf(caller, user) : undefined;
  }

  /**
   * Whose attempts at this account a request counts with: the session, where its user is signed in, else the browser that has
   * signed in before. Strangers' attempts count for neither.
   */
  ownOf(caller: Caller, user: UserWithSecrets): string | undefined {
    return caller.user?.id === user.id ? sessionDevice(caller.session!) : this.idOf(caller, user);
  }

  /** The browser's id, if it has signed in to the account with its present password. */
  private idOf(caller: Caller, user: UserWithSecrets): string | undefined {
    return this.tokensFor(caller, user.email).find((token) => this.isValid(token, user))?.device;
  }

  /**
   * After a whole sign-in, or a change of the password, by this browser: a password alone makes no device known where the
   * account has a second factor. @returns whether it was known before
   */
  remember(caller: Caller, user: UserWithSecrets): boolean {
    if (this.idOf(caller, user) !== undefined) return true;
    const [account, device] = [shortKey(user.email), randomBytes(12).toString('base64url')];
    const others = this.tokens(caller).filter((token) => token.account !== account);
    const tokens = [{ account, device, signature: this.signatures.sign(signed(device, user)) }, ...others];
    const value = tokens.slice(0, MAX_ACCOUNTS).map((token) => `${token.account}.${token.device}.${token.signature}`);
    caller.setCookie(this.cookie, value.join('~'), { ...this.cookies.attributes, maxAge: MAX_AGE_MS });
    return false;
  }

  private isValid({ device, signature }: Token, user: UserWithSecrets): boolean {
    return this.signatures.verify(signed(device, user), signature);
  }

  private tokensFor(caller: Caller, email: string): Token[] {
    const account = shortKey(email);
    return this.tokens(caller).filter((token) => token.account === account);
  }

  private tokens(caller: Caller): Token[] {
    const parts = caller.cookies(this.cookie).flatMap((value) => value.split('~').slice(0, MAX_ACCOUNTS));
    return parts.flatMap((part) => {
      const [account = '', device = '', signature = ''] = part.split('.');
      return /^[\w-]{16}$/.test(device) ? [{ account, device, signature }] : [];
    });
  }
}

/** The counter of a signed-in user's attempts: a session of their own, which no stranger has. */
export function sessionDevice(session: Session): string {
  return `session-${accountKey(session.id)}`;
}

function shortKey(email: string): string {
  return accountKey(email).slice(0, ACCOUNT_LENGTH);
}

/** An account without a password knows no device. */
function signed(device: string, { id, passwordHash }: UserWithSecrets): string {
  return `${id} ${device} ${hash('sha256', passwordHash, 'base64url')}`;
}
