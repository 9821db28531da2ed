// The app over one real MySQL server, for specs that look at it from outside as a browser does.
import type { NestExpressApplication } from '@nestjs/platform-express';
import { startDatabases, type Databases } from '@roam/local-stack';
import { MysqlCluster } from '@roam/mysql-cluster';
import { MysqlSessionStore } from '@roam/session/mysql';
import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import type { RowDataPacket } from 'mysql2';
import { pino } from 'pino';
import supertest from 'supertest';
import { createApp } from '../app.js';
import type { Config } from '../config/config.js';
import { parseSettings } from '../config/parse-settings.js';
import { migrate } from '../database/migrate.js';
import { Metrics } from '../health/metrics.js';
import { Readiness } from '../health/readiness.js';
import { rootLogger } from '../logging/logging.js';
import { MailCatcher, type CaughtMail } from '../mail/testing/mail-catcher.js';
import { until } from './time.js';

const silent = pino({ level: 'silent' });

/** On a shared machine a test's process may have to wait for a processor. */
export const patience = { readTimeoutMs: 900, writeTimeoutMs: 2_400, maxLagMs: 2_000 };

/** Keeps cookies, and comes again when it is told to, as a proxy does. */
export function patientAgent(server: Server) {
  return supertest.agent(server).retry(5, (_error: unknown, answer?: supertest.Response) => answer?.status === 503);
}

export class Site {
  readonly logged: string[] = [];
  private readonly post = new MailCatcher();
  private readonly apps: NestExpressApplication[] = [];
  private databases!: Databases;
  private mailUrl!: string;
  cluster!: MysqlCluster;
  app!: NestExpressApplication;
  /** What `app` measures. */
  metrics!: Metrics;

  async start(): Promise<this> {
    this.mailUrl = await this.post.start();
    this.databases = await startDatabases({ count: 1, topology: 'single' });
    this.cluster = await MysqlCluster.connect({ urls: this.databases.urls, ...patience });
    await migrate(this.config(), silent);
    this.app = await this.server();
    return this;
  }

  /** One more web server of the same site, with other settings. */
  async server(settings: Record<string, string> = {}): Promise<NestExpressApplication> {
    const config = this.config(settings);
    const logger = rootLogger(config, { write: (line) => void this.logged.push(line) });
    const store = new MysqlSessionStore(this.cluster);
    const readiness = new Readiness();
    const metrics = new Metrics(readiness);
    const app = await createApp(config, this.cluster, store, logger, readiness, metrics);
    this.metrics ??= metrics;
    this.apps.push(app);
    return app;
  }

  async stop(): Promise<void> {
    for (const app of this.apps) await app.close();
    await this.cluster?.close();
    await this.databases?.stop();
    this.post.stop();
  }

  /** A browser: keeps cookies, and sends forms with the token of their page. */
  browser(app = this.app) {
    const agent = patientAgent(app.getHttpServer());
    return {
      agent,
      get: (path: string) => agent.get(path),
      /** Sends the form of `page`. */
      send: async (page: string, fields: Record<string, string>) => {
        const { text } = await agent.get(page);
        const _csrf = /name="_csrf" value="([^"]+)"/.exec(text)?.[1] ?? '';
        return agent
          .post(page.split('?')[0])
          .type('form')
          .send({ _csrf, ...fields });
      },
    };
  }

  private config(more: Record<string, string> = {}): Config {
    return parseSettings({
      DATABASE_URLS: this.databases.urls.join(','),
      SESSION_SECRETS: 'Vt7mHq2zLw9sXc4bNk8rYp3eJd6fGa5u',
      SERVER_NAME: 'web1',
      MAIL_URL: this.mailUrl,
      ...more,
    });
  }

  /** Somebody who has just registered, in their browser. */
  async registered(app = this.app, name = 'Ann') {
    const someone = person(name);
    const browser = this.browser(app);
    const answer = await browser.agent.post('/api/register').send(someone);
    if (answer.status !== 201) throw new Error(`registering was answered ${answer.status}: ${answer.text}`);
    return { ...browser, someone, id: (answer.body as { user: { id: string } }).user.id };
  }

  /** The newest mail to this address whose text matches. */
  async mailTo(address: string, text: RegExp): Promise<CaughtMail> {
    const find = () => this.post.mails.findLast((mail) => mail.to === address && text.test(mail.text));
    await until(() => find() !== undefined);
    return find()!;
  }

  /** The audit log's events of this user, oldest first, as soon as there are so many. */
  async audit(userId: string, event: string, atLeast = 1): Promise<RowDataPacket[]> {
    const read = () =>
      this.cluster.read<RowDataPacket>('SELECT * FROM audit_events WHERE user_id = ? AND event = ? ORDER BY id', [
        userId,
        event,
      ]);
    await until(async () => (await read()).length >= atLeast);
    return read();
  }
}

const person = (name = 'Ann') => ({
  email: `${randomUUID()}@example.org`,
  password: 'correct horse battery',
  name,
});

/** Status and code of an answer of the API. */
export function outcome({ status, body }: supertest.Response): [number, string | undefined] {
  return [status, (body as { error?: { code: string } }).error?.code];
}

/** The bytes of what an authenticator app is given. */
export function decoded(base32: string): Buffer {
  const bits = [...base32].map((letter) =>
    'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0'),
  );
  return Buffer.from(
    bits
      .join('')
      .match(/.{8}/g)!
      .map((byte) => Number.parseInt(byte, 2)),
  );
}
