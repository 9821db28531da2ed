// The API about one's account: register, sign in and out, change password and e-mail address.
import { Module } from '@nestjs/common';
import { AuthController } from '../auth/auth.controller.js';
import { AuthModule } from '../auth/auth.module.js';
import { FactorsController } from '../factors/factors.controller.js';
import { FactorFailures } from '../factors/factor-failures.js';
import { FactorProofs } from '../factors/factor-proofs.service.js';
import { RecoveryCodesService } from '../factors/recovery-codes.service.js';
import { SecondFactorService } from '../factors/second-factor.service.js';
import { MailModule } from '../mail/mail.module.js';
import { OutboxModule } from '../outbox/outbox.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { UsersModule } from '../users/users.module.js';
import { Challenges } from '../passkeys/challenges.js';
import { PasskeyStore } from '../passkeys/passkey-store.js';
import { PasskeysController } from '../passkeys/passkeys.controller.js';
import { PasskeysService } from '../passkeys/passkeys.service.js';
import { AccountController } from './account.controller.js';
import { AccountService } from './account.service.js';
import { AccountDataService } from './account-data.service.js';
import { NotMeService } from './not-me.service.js';
import { NoticesModule } from './notices.module.js';
import { RegistrationService } from './registration.service.js';
import { StepUpService } from './step-up.service.js';
import { TokenMailsService } from './token-mails.service.js';

@Module({
  imports: [AuthModule, MailModule, NoticesModule, OutboxModule, SessionsModule, UsersModule],
  // Here and not in AuthModule, because registration sends an e-mail.
  controllers: [AuthController, AccountController, FactorsController, PasskeysController],
  providers: [
    AccountService,
    TokenMailsService,
    NotMeService,
    RegistrationService,
    SecondFactorService,
    RecoveryCodesService,
    FactorFailures,
    FactorProofs,
    StepUpService,
    AccountDataService,
    Challenges,
    PasskeyStore,
    PasskeysService,
  ],
  exports: [
    AccountService,
    FactorFailures,
    NotMeService,
    RegistrationService,
    SecondFactorService,
    StepUpService,
    AccountDataService,
    PasskeysService,
  ],
})
export class AccountModule {}
