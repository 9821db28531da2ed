// One's account: the API and the pages.
import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuthModule } from '../auth/auth.module.js';
import { FactorsController } from '../factors/factors.controller.js';
import { FactorFailures } from '../factors/factor-failures.js';
import { FactorProofs } from '../factors/factor-proofs.service.js';
import { RecoveryCode } from '../factors/recovery-code.entity.js';
import { RecoveryCodesService } from '../factors/recovery-codes.service.js';
import { SecondFactorService } from '../factors/second-factor.service.js';
import { MailModule } from '../mail/mail.module.js';
import { OutboxModule } from '../outbox/outbox.module.js';
import { SessionsModule } from '../devices/sessions.module.js';
import { UsersModule } from '../users/users.module.js';
import { Challenges } from '../passkeys/challenges.js';
import { Passkey } from '../passkeys/passkey.entity.js';
import { PasskeyStore } from '../passkeys/passkey-store.js';
import { PasskeysController } from '../passkeys/passkeys.controller.js';
import { PasskeysService } from '../passkeys/passkeys.service.js';
import { AccountPagesController } from './account-pages.controller.js';
import { LinkPagesController } from './link-pages.controller.js';
import { FactorPagesController } from '../factors/factor-pages.controller.js';
import { PasskeyPagesController } from '../passkeys/passkey-pages.controller.js';
import { PagesModule } from '../pages/pages.module.js';
import { AccountController } from './account.controller.js';
import { AccountService } from './account.service.js';
import { AccountDataService } from './account-data.service.js';
import { NotMeService } from './not-me.service.js';
import { NoticesModule } from './notices.module.js';
import { RegistrationService } from './registration.service.js';
import { StepUpService } from './step-up.service.js';
import { TokenMailsService } from './token-mails.service.js';
import { Migrations } from '../database/migrations.js';
import { CreateSecondFactors1763769600006 } from '../factors/migrations/create-second-factors.js';
import { CreateFactorFailures1763769600013 } from '../factors/migrations/create-factor-failures.js';
import { CreatePasskeys1763769600008 } from '../passkeys/migrations/create-passkeys.js';
import { AddTurnsOfAccounts1763769600015 } from './migrations/add-turns-of-accounts.js';
import { AuditModule } from '../audit/audit.module.js';
import { ThrottlingModule } from '../throttling/throttling.module.js';

@Migrations([
  CreateSecondFactors1763769600006,
  CreateFactorFailures1763769600013,
  CreatePasskeys1763769600008,
  AddTurnsOfAccounts1763769600015,
])
@Module({
  imports: [
    TypeOrmModule.forFeature([Passkey, RecoveryCode]),
    ThrottlingModule,
    AuditModule,
    AuthModule,
    MailModule,
    NoticesModule,
    OutboxModule,
    PagesModule,
    SessionsModule,
    UsersModule,
  ],
  controllers: [
    AccountController,
    AccountPagesController,
    LinkPagesController,
    FactorsController,
    FactorPagesController,
    PasskeysController,
    PasskeyPagesController,
  ],
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
