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
  /** How long the e-mail waits at least, in milliseconds. */
  readonly delayMs?: number;
  /** Whether the e-mail is written and sent to nobody: the same work where there is no account. */
  readonly isPretended?: boolean;
}

@Injectable()
export class MailService {
  constructor(private readonly outbox: Outbox) {}

  /** False if this e-mail was written before. Equal are e-mails of one subject to one address. */
  send(to: string, mail: Mail, { key, manager, delayMs, isPretended = false }: SendOptions): Promise<boolean> {
    const content = { to, mail } satisfies AddressedMail;
    // A kind of its own: a server of the earlier release, which does not know of it, leaves it alone.
    const kind = isPretended ? 'no-mail' : 'mail';
    return this.outbox.put({ kind, key: `${key} ${to} ${mail.subject}`, content, delayMs }, manager);
  }
}
