// Administration.
import { Module } from '@nestjs/common';
import { AccountModule } from '../account/account.module.js';
import { MailModule } from '../mail/mail.module.js';
import { SessionsModule } from '../devices/sessions.module.js';
import { UsersModule } from '../users/users.module.js';
import { PagesModule } from '../pages/pages.module.js';
import { AdminPagesController } from './admin-pages.controller.js';
import { AdminController } from './admin.controller.js';
import { AdminService } from './admin.service.js';
import { AuditModule } from '../audit/audit.module.js';

@Module({
  imports: [AuditModule, AccountModule, MailModule, PagesModule, SessionsModule, UsersModule],
  controllers: [AdminController, AdminPagesController],
  providers: [AdminService],
})
export class AdminModule {}
