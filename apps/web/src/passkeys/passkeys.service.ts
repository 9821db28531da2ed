// Passkeys (WebAuthn, by @simplewebauthn/server): adds and removes them, signs in and re-authenticates with them.
import { Injectable } from '@nestjs/common';
import { UserSessions } from '@roam/session/nest';
import {
  generateAuthenticationOptions,
  generateRegistrationOptions,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
  type AuthenticationResponseJSON,
  type PublicKeyCredentialCreationOptionsJSON,
  type PublicKeyCredentialRequestOptionsJSON,
} from '@simplewebauthn/server';
import { PinoLogger } from 'nestjs-pino';
import { AccountService } from '../account/account.service.js';
import { accountMails } from '../account/account-mails.js';
import { NoticesService } from '../account/notices.service.js';
import { AuditService } from '../audit/audit.service.js';
import type { Account } from '../auth/account.js';
import { assertFresh } from '../auth/fresh.js';
import { SecondFactorRule } from '../auth/second-factor-rule.js';
import { SignInService } from '../auth/sign-in.service.js';
import type { SignedIn } from '../auth/signed-in.js';
import { Config } from '../config/config.js';
import { siteName } from '../config/site.js';
import { Transactions } from '../database/transactions.js';
import {
  InvalidInputError,
  InvalidPasskeyError,
  NotFoundError,
  NotSignedInError,
  PasskeyRequiredError,
  SecondFactorMissingError,
} from '../http/app.errors.js';
import type { Caller } from '../http/caller.js';
import { idempotencyKeyOf } from '../http/idempotency-key.js';
import { causeOf } from '../mail/cause-of.js';
import { FactorFailures } from '../factors/factor-failures.js';
import type { User } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import { Challenges } from './challenges.js';
import type { Passkey } from './passkey.entity.js';
import { passkeyId, PasskeyStore } from './passkey-store.js';
import type { PasskeyCreation, PasskeyLogin } from './passkeys.schemas.js';

const maxPerUser = 20;

/** A passkey as the API shows it to its owner. Times are ISO 8601, in UTC. */
export interface PasskeyRow {
  readonly id: string;
  readonly name: string;
  readonly createdAt: string;
  readonly usedAt: string | null;
}

/**
 * A passkey is two factors in one: the device, and the user's finger, face or PIN, which is always required. So a
 * sign-in with a passkey needs no code.
 */
@Injectable()
export class PasskeysService {
  constructor(
    private readonly config: Config,
    private readonly challenges: Challenges,
    private readonly store: PasskeyStore,
    private readonly users: UsersService,
    private readonly failures: FactorFailures,
    private readonly accounts: AccountService,
    private readonly sessions: UserSessions,
    private readonly signIns: SignInService,
    private readonly rule: SecondFactorRule,
    private readonly notices: NoticesService,
    private readonly transactions: Transactions,
    private readonly audit: AuditService,
    private readonly logger: PinoLogger,
  ) {}

  async list(user: SignedIn): Promise<PasskeyRow[]> {
    return (await this.store.listOf(user.id)).map(row);
  }

  /** The options to create a passkey. @throws {ReauthenticationRequiredError} @throws {InvalidInputError} */
  async creationOptions(caller: Caller): Promise<PublicKeyCredentialCreationOptionsJSON> {
    assertFresh(caller.user!);
    const user = await this.accounts.current(caller.user);
    const existing = await this.store.listOf(user.id);
    this.assertMayAdd(caller.user!, user, existing.length);
    const options = await generateRegistrationOptions({
      rpName: siteName,
      rpID: this.config.server.publicUrl.hostname,
      userName: user.email,
      userDisplayName: user.name,
      userID: bytes(Buffer.from(user.id)),
      attestationType: 'none',
      excludeCredentials: existing.map(descriptor),
      // The browser finds it without a login name, and always verifies the user's finger, face or PIN.
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    });
    this.challenges.remember(caller, 'create', options.challenge);
    return options;
  }

  /**
   * Stores the passkey that the browser created.
   * @throws {InvalidPasskeyError} @throws {ReauthenticationRequiredError}
   */
  async add(caller: Caller, { response, name, endOtherSessions }: PasskeyCreation): Promise<PasskeyRow> {
    assertFresh(caller.user!);
    const { challenge: expectedChallenge } = this.challenges.take(caller, 'create');
    const user = await this.accounts.current(caller.user);
    const { verified, registrationInfo } = await this.checked(() =>
      verifyRegistrationResponse({ response, expectedChallenge, ...this.expected, requireUserVerification: true }),
    );
    if (!verified) throw new InvalidPasskeyError();
    const { id, publicKey, counter } = registrationInfo.credential;
    const credentialId = Buffer.from(id, 'base64url');
    const transports = (response.response.transports ?? []).filter((text) => /^[\w-]{1,20}$/.test(text)).slice(0, 10);
    const added = {
      credentialId,
      publicKey: Buffer.from(publicKey),
      counter,
      transports,
      name: name || 'Passkey',
      challenge: expectedChallenge,
    };
    const cause = causeOf(caller);
    await this.transactions.run(async (manager) => {
      // Several requests at once must not all take the last place.
      if (!(await this.users.takeTurn(user.id, manager))) throw new NotSignedInError();
      this.assertMayAdd(caller.user!, user, await this.store.countOf(user.id, manager, passkeyId(credentialId)));
      if (!(await this.store.add(user.id, added, manager))) throw new InvalidPasskeyError();
      const options = { ...cause, manager };
      await this.notices.send(user, (link) => accountMails.passkey(true, link), options);
    });
    await this.changed(caller, user, endOtherSessions, 'added');
    return row((await this.store.find(credentialId))!);
  }

  /** @throws {NotFoundError} @throws {InvalidInputError} @throws {ReauthenticationRequiredError} */
  async remove(caller: Caller, id: string): Promise<void> {
    assertFresh(caller.user!);
    const user = await this.accounts.current(caller.user);
    const cause = causeOf(caller);
    const isLast = await this.transactions.run(async (manager) => {
      // Another request may be about to remove the other factor: one of them is the last.
      await this.users.takeTurn(user.id, manager);
      const now = await this.users.findIn(manager, user.id);
      const isOnly = !now?.totpSince && (await this.store.countOf(user.id, manager, id)) === 0;
      if (isOnly && this.rule.isDemandedOf(user))
        throw new InvalidInputError({
          body: 'This site requires two-step verification. Set it up before you remove your last passkey.',
        });
      if (!(await this.store.disable(user.id, id, cause.key, manager)))
        throw new NotFoundError('This passkey does not exist or has already been removed.');
      const options = { ...cause, manager };
      await this.notices.send(user, (link) => accountMails.passkey(false, link), options);
      return isOnly;
    });
    await this.changed(caller, user, true, isLast ? 'last removed' : 'removed');
    // Last, so that a repeated request still finds it while work is left to do.
    await this.store.remove(user.id, id);
  }

  /**
   * Where the site requires a second factor, a session without one sets up the first only.
   * @throws {InvalidInputError} @throws {SecondFactorMissingError} @throws {PasskeyRequiredError}
   */
  private assertMayAdd(signedIn: SignedIn, user: User, has: number): void {
    if (has >= maxPerUser)
      throw new InvalidInputError({ body: `You already have ${maxPerUser} passkeys. Please remove one first.` });
    if (!this.rule.isMissingIn(signedIn)) return;
    if (user.totpSince) throw new SecondFactorMissingError();
    if (has > 0) throw new PasskeyRequiredError();
  }

  /** The options to use a passkey; a signed-in user can only use their own. */
  async requestOptions(caller: Caller): Promise<PublicKeyCredentialRequestOptionsJSON> {
    const own = caller.user && (await this.store.listOf(caller.user.id));
    const options = await generateAuthenticationOptions({
      rpID: this.config.server.publicUrl.hostname,
      userVerification: 'required',
      ...(own && { allowCredentials: own.map(descriptor) }),
    });
    this.challenges.remember(caller, 'get', options.challenge);
    return options;
  }

  /** Signs in. @throws {InvalidPasskeyError} @throws {AccountDeactivatedError} */
  async signIn(caller: Caller, { response, remember }: PasskeyLogin): Promise<Account> {
    const account = await this.prove(caller, response);
    await this.signIns.signIn(caller, account, remember, 'passkey');
    return account;
  }

  /** The account whose passkey has signed the challenge of this browser. @throws {InvalidPasskeyError} */
  async prove(caller: Caller, response: AuthenticationResponseJSON): Promise<Account> {
    const { challenge: expectedChallenge, askedAt } = this.challenges.take(caller, 'get');
    const passkey = await this.store.find(Buffer.from(response.id, 'base64url'));
    const refuse = (): never => {
      throw new InvalidPasskeyError().concerning(owner(passkey));
    };
    if (!passkey) return refuse();
    // Before the account is read, as at a sign-in with a password.
    const epoch = await this.sessions.epochOf(passkey.userId);
    // With its secrets: the browser becomes a known device of the account with this password.
    const user = await this.users.findWithSecrets(passkey.userId);
    const handle = response.response.userHandle;
    if (!user || (handle && Buffer.from(handle, 'base64url').toString() !== user.id)) return refuse();
    const { credentialId, publicKey } = passkey;
    const idempotencyKey = idempotencyKeyOf(caller);
    // A request that a proxy repeats may have been counted at its first try.
    const isRepeated = passkey.askedAt === askedAt && passkey.usedBy === idempotencyKey;
    const counter = isRepeated ? 0 : passkey.counter;
    const credential = { id: credentialId.toString('base64url'), publicKey: bytes(publicKey), counter };
    const result = await this.checked(() =>
      verifyAuthenticationResponse({
        response,
        expectedChallenge,
        ...this.expected,
        credential,
        requireUserVerification: true,
      }),
    ).catch(refuse);
    const { newCounter } = result.authenticationInfo;
    const counts = result.verified && (await this.store.use(passkey, { counter: newCounter, askedAt, idempotencyKey }));
    if (!counts) return refuse();
    if (user.totpSince) await this.failures.forget(user.id);
    return { user, epoch };
  }

  private get expected() {
    const { origin, hostname } = this.config.server.publicUrl;
    return { expectedOrigin: origin, expectedRPID: hostname };
  }

  /** The library throws plain errors for invalid input of a browser. */
  private checked<T>(verify: () => Promise<T>): Promise<T> {
    return verify().catch((error: unknown) => {
      this.logger.info(
        { reason: error instanceof Error ? error.message : String(error) },
        'a passkey answer was refused: it did not pass verification',
      );
      throw new InvalidPasskeyError();
    });
  }

  /**
   * After a change of the ways to sign in: a new token, and the other sessions ended (OWASP ASVS 7.4.3). The e-mail is
   * committed with the change (6.3.7).
   */
  private async changed(
    caller: Caller,
    user: User,
    endOthers: boolean,
    what: 'added' | 'removed' | 'last removed',
  ): Promise<void> {
    await this.signIns.renew(caller, { user }, what === 'removed' ? {} : { twoFactors: what === 'added' });
    if (endOthers) await this.sessions.endAll(user.id, caller.session);
    this.audit.note(what === 'added' ? 'factor-added' : 'factor-removed', caller, {}, { factor: 'passkey' });
  }
}

function owner(passkey: Passkey | null): { userId?: string } {
  return passkey ? { userId: passkey.userId } : {};
}

function descriptor({ credentialId, transports }: Passkey) {
  return { id: credentialId.toString('base64url'), transports: [...transports] };
}

/** The library requires arrays with memory of their own; Node's buffers share theirs. */
function bytes(buffer: Buffer) {
  return new Uint8Array(buffer);
}

function row({ id, name, createdAt, usedAt }: Passkey): PasskeyRow {
  return { id, name, createdAt: new Date(createdAt).toISOString(), usedAt: usedAt && new Date(usedAt).toISOString() };
}
