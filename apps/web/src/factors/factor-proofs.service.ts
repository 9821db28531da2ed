// Proves an identity by the second factor: a code of the authenticator app, or a recovery code.
import { Injectable } from '@nestjs/common';
import { accountMails } from '../account/account-mails.js';
import { NoticesService } from '../account/notices.service.js';
import { TokenMailsService } from '../account/token-mails.service.js';
import { AuditService } from '../audit/audit.service.js';
import { KnownDevices } from '../auth/known-devices.js';
import { Config } from '../config/config.js';
import { limits } from '../config/limits.js';
import { SecretBox } from '../database/secret-box.js';
import { Transactions } from '../database/transactions.js';
import type { Caller } from '../http/caller.js';
import { CodesRefusedError, WrongProofError } from '../http/refused.errors.js';
import { causeOf } from '../mail/cause-of.js';
import type { SendOptions } from '../mail/mail.service.js';
import { ThrottleService } from '../throttling/throttle.service.js';
import type { User, UserWithSecrets } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import { FactorFailures, type Counted } from './factor-failures.js';
import { RecoveryCodesService } from './recovery-codes.service.js';
import { stepOf } from './totp.js';

@Injectable()
export class FactorProofs {
  private readonly box: SecretBox;

  constructor(
    config: Config,
    private readonly users: UsersService,
    private readonly codes: RecoveryCodesService,
    private readonly devices: KnownDevices,
    private readonly throttle: ThrottleService,
    private readonly failures: FactorFailures,
    private readonly tokenMails: TokenMailsService,
    private readonly notices: NoticesService,
    private readonly transactions: Transactions,
    private readonly audit: AuditService,
  ) {
    this.box = new SecretBox(config.session.secrets, 'roam second factor');
  }

  /**
   * Attempts wait as at sign-in. All of an account together are bounded by `limits.factorFailures`, so strangers need no bound
   * of their own, which would keep the owner out.
   * @throws {WrongProofError} @throws {CodesRefusedError} @throws {TooManyAttemptsError}
   */
  async assert(caller: Caller, user: UserWithSecrets, code: string): Promise<void> {
    const attempt = {
      account: `${user.id} second factor`,
      userId: user.id,
      ip: caller.ip,
      device: this.devices.ownOf(caller, user),
      isBoundedElsewhere: true,
    };
    const proved = await this.throttle.attempt(attempt, () => this.check(caller, user, code));
    if (!proved)
      throw new WrongProofError('code', 'This code is wrong, has expired or has already been used.').concerning({
        userId: user.id,
      });
  }

  private async check(caller: Caller, user: UserWithSecrets, code: string): Promise<boolean> {
    const compact = code.replace(/\s/g, '');
    const cause = causeOf(caller);
    const { key } = cause;
    const secret = /^\d{6}$/.test(compact) ? user.totpSecret : undefined;
    const counted = await this.failures.count(user.id, Boolean(secret));
    if (counted.isRefused) {
      await this.sendUnlock(user, counted, cause);
      throw new CodesRefusedError().concerning({ userId: user.id });
    }
    const isRight = secret
      ? await this.checkTotp(user, secret, compact, key)
      : await this.codes.use(user.id, code, key);
    if (isRight) {
      await this.failures.forget(user.id);
      if (!secret) this.audit.note('recovery-code-used', caller, { userId: user.id });
      return true;
    }
    if (counted.failures >= limits.factorFailures) await this.sendUnlock(user, counted, cause);
    else if (counted.failures >= limits.factorFailuresTold) await this.tell(user, counted, cause);
    return false;
  }

  private async checkTotp(user: User, sealed: Buffer, code: string, idempotencyKey: string): Promise<boolean> {
    const { secret, isOld } = this.box.open(user.id, sealed);
    const step = stepOf(secret, code, Date.now());
    if (step === undefined || !(await this.users.useTotpStep(user.id, step, idempotencyKey))) return false;
    if (isOld) await this.users.change(user.id, { totpSecret: this.box.seal(user.id, secret) });
    return true;
  }

  private async tell(user: User, { failures, told }: Counted, cause: SendOptions): Promise<void> {
    if (told) return;
    await this.transactions.run(async (manager) => {
      if (await this.failures.claimTelling(user.id, manager))
        await this.notices.send(user, (link) => accountMails.wrongCodes(failures, link), { ...cause, manager });
    });
  }

  /** Again an hour later, where codes are still refused: the first one may be lost, or void. */
  private async sendUnlock(user: User, { unlockMailedAt }: Counted, cause: SendOptions): Promise<void> {
    if (unlockMailedAt > Date.now() - limits.unlockMailMs) return;
    const { id: userId, email } = user;
    const grant = { purpose: 'unlock-codes', userId, email, endSessions: false } as const;
    await this.transactions.run(async (manager) => {
      if (await this.failures.claimUnlockMail(userId, manager))
        // As the owner's wish: no count of strangers may keep it back.
        await this.tokenMails.send(user, grant, { ...cause, byOwner: true, manager });
    });
  }
}
