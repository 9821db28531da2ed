// Mails.
import { Module } from '@nestjs/common';
import { OutboxModule } from '../outbox/outbox.module.js';
import { MailService } from './mail.service.js';
import { MailTransport } from './mail-transport.js';

@Module({ imports: [OutboxModule], providers: [MailService, MailTransport], exports: [MailService] })
export class MailModule {}
