// Runs the tests of small apps on three servers behind nginx, once for each session method.
import { afterAll, afterEach, beforeAll, describe, expect, jest } from '@jest/globals';
import type { RequestListener } from 'node:http';
import { startDatabases, type Databases } from '@roam/local-stack';
import {
  SessionManager,
  StoreUnavailableError,
  type AnySessions,
  type SessionEvent,
  type SessionOptions,
} from '@roam/session';
import type { INestApplication, Type, DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Client } from '../support/browser.js';
import { names, startServers, type Servers } from './servers.js';
import { methods, openStores, type Method, type Stores } from './stores.js';

const WRITES = ['create', 'update', 'destroy'];
/** A visitor waits longer: one who gave up would look like a server that has closed the connection. */
const TEST_MS = 30_000;
/** What no sample may cause: a change that is not kept, or a session that is taken for a stolen one. */
const FAULTS = ['late-change', 'theft', 'damaged', 'revival-refused'];

/** An app of a sample. `server` is its number: 0, 1 or 2. */
export type Sample = (sessions: SessionManager, server: number) => RequestListener | Promise<RequestListener>;
/** The root module of a Nest sample, with `SessionModule.forRoot(options)`. */
export type NestSample = (options: SessionOptions, server: number) => Type | DynamicModule;

/** The site of one method, on which each test serves its sample. */
export class Site {
  /** The servers' addresses at nginx: `${web1}/path` is `/path` of the first server. */
  readonly web: readonly string[];
  /** What the session modules of all three servers told during this test. */
  readonly events: SessionEvent[] = [];
  private refuses = false;
  private apps: INestApplication[] = [];
  private managers: SessionManager[] = [];
  private clients: Client[] = [];

  constructor(
    readonly method: Method,
    readonly servers: Servers,
    private readonly stores: readonly AnySessions[],
  ) {
    this.web = names.map((name) => `${servers.url}/_server/${name}`);
  }

  /** Whether the method keeps both of two changes to different keys. */
  get mergesKeys(): boolean {
    return this.stores[0].capabilities.mergesKeys;
  }

  /** Serves a sample on all three servers. @returns a visitor */
  async serve(sample: Sample): Promise<Client> {
    this.managers = this.stores.map((store) => new SessionManager(this.options(store)));
    this.servers.serve(await Promise.all(this.managers.map(async (manager, i) => sample(manager, i))));
    return this.visitor();
  }

  async serveNest(sample: NestSample): Promise<Client> {
    const start = async (store: AnySessions, i: number) => {
      const app = await NestFactory.create<NestExpressApplication>(sample(this.options(store), i), { logger: false });
      return app.init();
    };
    this.apps = await Promise.all(this.stores.map(start));
    this.servers.serve(this.apps.map((app) => app.getHttpAdapter().getInstance() as RequestListener));
    return this.visitor();
  }

  visitor(): Client {
    const client = new Client(this.servers.url, { timeoutMs: 2 * TEST_MS });
    this.clients.push(client);
    return client;
  }

  /** From now on no server's store takes a write, until `refuseWrites(false)` or the end of the test. */
  refuseWrites(refuses = true): void {
    this.refuses = refuses;
  }

  async afterTest(): Promise<void> {
    this.refuses = false;
    const events = this.events.splice(0);
    for (const client of this.clients.splice(0)) client.close();
    await Promise.all(this.apps.splice(0).map((app) => app.close()));
    await Promise.all(this.managers.splice(0).map((manager) => manager.settled()));
    expect(events.filter(({ type }) => FAULTS.includes(type))).toEqual([]);
  }

  private options(store: AnySessions): SessionOptions {
    return {
      store: this.refusing(store),
      secrets: ['the samples sign with this one secret'],
      secure: false,
      onEvent: (event) => this.events.push(event),
    };
  }

  private refusing(store: AnySessions): AnySessions {
    const refuse = async () => {
      throw new StoreUnavailableError('The test refuses writes.');
    };
    return new Proxy(store, {
      get: (target, key) => {
        if (this.refuses && WRITES.includes(String(key))) return refuse;
        const value = Reflect.get(target, key, target) as unknown;
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  }
}

/** @param register registers the tests of one method; `site()` is there when they run */
export function describeSamples(register: (site: () => Site) => void): void {
  jest.setTimeout(TEST_MS);
  let databases: Databases;
  let servers: Servers;
  beforeAll(async () => {
    [databases, servers] = await Promise.all([startDatabases({ count: 1, topology: 'single' }), startServers()]);
  }, 180_000);
  afterAll(async () => {
    await servers?.close();
    await databases?.stop();
  });
  describe.each(methods)('%s', (method) => {
    let stores: Stores;
    let site: Site;
    beforeAll(async () => {
      stores = await openStores(method, names.length, databases);
      site = new Site(method, servers, stores.stores);
    });
    afterEach(() => site.afterTest());
    afterAll(() => stores?.close());
    register(() => site);
  });
}
