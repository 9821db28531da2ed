// Writes e-mails to the outbox: no answer waits for a mail server, and no e-mail is lost with a web server.
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Outbox } from '../outbox/outbox.js';
import type { AddressedMail, Mail } from './mail.js';

export interface SendOptions {
  /** The idempotency key of the request: of several equal e-mails with the same key one is sent. */
  readonly key: string;
  /** The transaction of the change that the e-mail is about. */
  readonly manager?: EntityManager;
}

@Injectable()
export class MailService {
  constructor(private readonly outbox: Outbox) {}

  /** False if this e-mail was written before. Equal are e-mails of one subject to one address. */
  send(to: string, mail: Mail, { key, manager }: SendOptions): Promise<boolean> {
    const content = { to, mail } satisfies AddressedMail;
    return this.outbox.put({ kind: 'mail', key: `${key} ${to} ${mail.subject}`, content }, manager);
  }
}
