// Notices to the owner of an account, for the modules that change one or sign in to it.
import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuthModule } from '../auth/auth.module.js';
import { MailModule } from '../mail/mail.module.js';
import { UsersModule } from '../users/users.module.js';
import { AccountToken } from './account-token.entity.js';
import { AccountTokensService } from './account-tokens.service.js';
import { NoticesService } from './notices.service.js';
import { Migrations } from '../database/migrations.js';
import { CreateAccountTokens1763769600005 } from './migrations/create-account-tokens.js';
import { ThrottlingModule } from '../throttling/throttling.module.js';

@Migrations([CreateAccountTokens1763769600005])
@Module({
  imports: [AuthModule, ThrottlingModule, MailModule, UsersModule, TypeOrmModule.forFeature([AccountToken])],
  providers: [AccountTokensService, NoticesService],
  exports: [AccountTokensService, NoticesService],
})
export class NoticesModule {}
