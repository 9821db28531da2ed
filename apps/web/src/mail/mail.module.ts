// Mails.
import { Module } from '@nestjs/common';
import { OutboxModule } from '../outbox/outbox.module.js';
import { MailCounts } from './mail-counts.js';
import { MailService } from './mail.service.js';
import { MailTransport } from './mail-transport.js';
import { AuditModule } from '../audit/audit.module.js';

@Module({
  imports: [AuditModule, OutboxModule],
  providers: [MailService, MailCounts, MailTransport],
  exports: [MailService, MailCounts],
})
export class MailModule {}
