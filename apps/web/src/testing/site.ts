// The app over one real MySQL server, for specs that use it as a browser does.
import { expect } from '@jest/globals';
import type { Type } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { startDatabases, type Databases } from '@roam/local-stack';
import { MysqlCluster } from '@roam/mysql-cluster';
import type { AnySessions } from '@roam/session';
import { MysqlSessionStore } from '@roam/session/mysql';
import { randomUUID } from 'node:crypto';
import type { RowDataPacket } from 'mysql2';
import { pino } from 'pino';
import supertest from 'supertest';
import { createApp } from '../app.js';
import type { Config } from '../config/config.js';
import { limits } from '../config/limits.js';
import { parseSettings } from '../config/parse-settings.js';
import { migrate } from '../database/migrate.js';
import { migrations } from '../features.js';
import { totpCode } from '../factors/totp.js';
import { Metrics } from '../health/metrics.js';
import { Readiness } from '../health/readiness.js';
import { Heartbeat } from '../lifecycle/heartbeat.js';
import { rootLogger } from '../logging/logging.js';
import { MailCatcher, type CaughtMail } from '../mail/testing/mail-catcher.js';
import { until } from './time.js';

const silent = pino({ level: 'silent' });

/** On a shared machine a test's process may have to wait for a processor. */
const timeouts = { readTimeoutMs: 900, writeTimeoutMs: 2_400, maxLagMs: 2_000 };

export class Site {
  readonly logged: string[] = [];
  readonly mailCatcher = new MailCatcher();
  private readonly apps: NestExpressApplication[] = [];
  private readonly clusters: MysqlCluster[] = [];
  private settings: Record<string, string> = {};
  databases!: Databases;
  cluster!: MysqlCluster;
  app!: NestExpressApplication;
  /** Of `app`. */
  metrics!: Metrics;
  readiness!: Readiness;

  /**
   * @param features modules of the app beside its own
   * @param primaries so many MySQL servers, each of which takes writes
   */
  constructor(
    private readonly features: readonly Type[] = [],
    private readonly primaries = 1,
  ) {}

  /** @param settings of all web servers of the site */
  async start(settings: Record<string, string> = {}): Promise<void> {
    this.settings = { ...settings, MAIL_URL: await this.mailCatcher.start() };
    const topology = this.primaries === 1 ? 'single' : 'multi-primary';
    this.databases = await startDatabases({ count: this.primaries, topology });
    this.cluster = await MysqlCluster.connect({ urls: this.databases.urls, ...timeouts });
    await migrate(this.config(), silent, migrations);
    this.app = await this.server();
  }

  /** A cluster of this MySQL server alone: what it is told reaches the others by replication only. */
  async alone(node: number): Promise<MysqlCluster> {
    const cluster = await MysqlCluster.connect({ urls: [this.databases.urls[node]], ...timeouts });
    this.clusters.push(cluster);
    return cluster;
  }

  /**
   * One more web server of the same site, with other settings.
   * @param features more modules
   * @param cluster its databases
   * @param store in place of the method `mysql`
   */
  async server(
    settings: Record<string, string> = {},
    features: readonly Type[] = [],
    cluster = this.cluster,
    store: AnySessions = new MysqlSessionStore(cluster),
  ): Promise<NestExpressApplication> {
    const config = this.config(settings);
    const logger = rootLogger(config, { write: (line) => void this.logged.push(line) });
    const readiness = new Readiness();
    readiness.nodes = () => cluster.nodes();
    const metrics = new Metrics(readiness);
    const heartbeat = new Heartbeat(limits.frozenMs);
    const runtime = { config, cluster, store, logger, metrics, heartbeat, readiness };
    const app = await createApp(runtime, [...this.features, ...features]);
    this.metrics ??= metrics;
    this.readiness ??= readiness;
    this.apps.push(app);
    return app;
  }

  async stop(): Promise<void> {
    for (const app of this.apps) await app.close();
    for (const cluster of this.clusters) await cluster.close();
    await this.cluster?.close();
    await this.databases?.stop();
    this.mailCatcher.stop();
  }

  /** A browser: keeps cookies, repeats a request that is answered 503, sends forms with the token of their page. */
  browser(app = this.app, headers: Record<string, string> = {}) {
    const agent = supertest
      .agent(app.getHttpServer())
      .retry(5, (_error: unknown, answer?: supertest.Response) => answer?.status === 503)
      .set(headers);
    /** The token of the form of `page`. */
    const token = async (page: string) => /name="_csrf" value="([^"]+)"/.exec((await agent.get(page)).text)?.[1] ?? '';
    return {
      agent,
      token,
      get: (path: string) => agent.get(path),
      /** Sends the form of `page`. */
      send: async (page: string, fields: Record<string, string>) => {
        const _csrf = await token(page);
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
      ...this.settings,
      ...more,
    });
  }

  /** A newly registered user, in their browser. */
  async registered(app = this.app, name = 'Ann') {
    const someone = person(name);
    const browser = this.browser(app);
    // One id for all its tries: on a busy machine the first one may be committed though its answer is 503.
    const answer = await browser.agent.post('/api/register').set('X-Request-Id', randomUUID()).send(someone);
    if (answer.status !== 201) throw new Error(`registering was answered ${answer.status}: ${answer.text}`);
    return { ...browser, someone, id: (answer.body as { user: { id: string } }).user.id };
  }

  /** The newest mail to this address whose text matches, and the link in it with its token. */
  async mailTo(address: string, text: RegExp): Promise<CaughtMail & { link: string; token: string }> {
    const find = () => this.mailCatcher.mails.findLast((mail) => mail.to === address && text.test(mail.text));
    await until(() => find() !== undefined).catch(() => undefined);
    // By an assertion, which also shows what came instead.
    const texts = this.mailCatcher.mails.filter(({ to }) => to === address).map((mail) => mail.text);
    expect(texts).toContainEqual(expect.stringMatching(text));
    const mail = find()!;
    const link = /http:\/\/localhost:8080(\S+)/.exec(mail.text)?.[1] ?? '';
    return { ...mail, link, token: new URL(link, 'http://site').searchParams.get('token') ?? '' };
  }

  /** The events of this user in the audit log, oldest first, as soon as there are `atLeast` of them. */
  async audit(userId: string, event: string, atLeast = 1): Promise<RowDataPacket[]> {
    const read = () =>
      this.cluster.read<RowDataPacket>('SELECT * FROM audit_events WHERE user_id = ? AND event = ? ORDER BY id', [
        userId,
        event,
      ]);
    await until(async () => (await read()).length >= atLeast).catch(() => undefined);
    const rows = await read();
    expect(rows.length).toBeGreaterThanOrEqual(atLeast);
    return rows;
  }
}

/** A user without an account. */
export const person = (name = 'Ann') => ({
  email: `${randomUUID()}@example.org`,
  password: 'correct horse battery',
  name,
});

/** All values of rows as text: what is readable in a column of bytes is readable in it. */
export function plainText(rows: readonly RowDataPacket[]): string {
  const values = rows.flatMap((row) => Object.values(row) as unknown[]);
  return values.map((value) => (Buffer.isBuffer(value) ? value.toString('latin1') : JSON.stringify(value))).join('\n');
}

/** Status and code of an answer of the API. */
export function outcome({ status, body }: supertest.Response): [number, string | undefined] {
  return [status, (body as { error?: { code: string } }).error?.code];
}

/** The code that an authenticator app with this secret shows, so many steps of half a minute from now. */
export function appCode(secret: string, steps = 0): string {
  const bits = [...secret].map((letter) =>
    'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0'),
  );
  const bytes = bits
    .join('')
    .match(/.{8}/g)!
    .map((byte) => Number.parseInt(byte, 2));
  return totpCode(Buffer.from(bytes), Math.floor(Date.now() / 30_000) + steps);
}
