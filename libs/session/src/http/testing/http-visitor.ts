// The contract kit's browser over real HTTP: each request goes to a server of Express or Fastify, and a handler there acts.
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { fastify } from 'fastify';
import type { Incoming } from '../../carriers/carrier.js';
import type { RequestSession } from '../../core/request-session.js';
import { sessions } from '../../fastify/index.js';
import type { SessionManager } from '../../manager.js';
import { Visitor } from '../../testing/visitor.js';
import { sessionMiddleware } from '../middleware.js';

/** What a server does with a request: it has the session opened, calls `handle`, and answers. */
type Application = (
  manager: SessionManager,
  handle: (request: IncomingMessage) => Promise<void>,
) => Promise<RequestListener>;

export const applications: Record<'express' | 'fastify', Application> = {
  express: async (manager, handle) => {
    const app = express();
    app.use(sessionMiddleware(manager));
    app.use(async (request, response) => {
      await handle(request);
      response.json({ done: true });
    });
    return app;
  },
  fastify: async (manager, handle) => {
    const app = fastify();
    await app.register(sessions, { manager });
    app.get('/', async ({ raw }) => {
      await handle(raw);
      return { done: true };
    });
    await app.ready();
    return (request, response) => app.routing(request, response);
  },
};

/** One request on its way. */
class Visit {
  /** What the server has opened, and why it could not open or keep it. */
  opened: RequestSession | undefined;
  error: unknown;
  /** Resolves when the handler runs. */
  readonly begun: Promise<void>;
  /** The handler runs, until `answer` is called. */
  readonly handle: () => Promise<void>;
  answer!: () => void;

  constructor(readonly requestId: string | undefined) {
    let begin!: () => void;
    this.begun = new Promise((resolve) => (begin = resolve));
    const mayAnswer = new Promise<void>((resolve) => (this.answer = resolve));
    this.handle = () => {
      begin();
      return mayAnswer;
    };
  }
}

type Noted = Promise<IncomingMessage>;

/** The servers of a test's managers, each started at its first request. */
export class HttpSite {
  private readonly ports = new Map<SessionManager, Promise<number>>();
  private readonly servers: Server[] = [];
  private readonly visits = new Map<string, Visit>();
  private readonly open = new WeakMap<RequestSession, { readonly visit: Visit; readonly answered: Noted }>();

  constructor(private readonly application: Application) {}

  readonly visitor = (): Visitor => new HttpVisitor(this);

  /** Sends a request; resolves when its handler runs. */
  async begin(server: SessionManager, cookie: string, requestId?: string): Promise<RequestSession> {
    let port = this.ports.get(server);
    if (!port) this.ports.set(server, (port = this.serve(server)));
    const visit = new Visit(requestId);
    const id = String(this.visits.size);
    this.visits.set(id, visit);
    const sent = httpRequest({ port: await port, host: '127.0.0.1', headers: { cookie, 'x-visit': id } }).end();
    const answered: Noted = once(sent, 'response').then(([answer]) => (answer as IncomingMessage).resume());
    // A test may leave it open.
    answered.catch(() => undefined);
    await Promise.race([visit.begun, answered]);
    if (visit.error) throw visit.error as Error;
    this.open.set(visit.opened!, { visit, answered });
    return visit.opened!;
  }

  /** Lets the handler answer. @returns the cookies that are set */
  async end(request: RequestSession): Promise<readonly string[]> {
    const { visit, answered } = this.open.get(request)!;
    visit.answer();
    const { headers } = await answered;
    if (visit.error) throw visit.error as Error;
    return headers['set-cookie'] ?? [];
  }

  async close(): Promise<void> {
    for (const server of this.servers) {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    }
  }

  private async serve(manager: SessionManager): Promise<number> {
    const listener = await this.application(this.noting(manager), ({ headers }) => this.visitOf(headers).handle());
    const server = createServer(listener);
    this.servers.push(server);
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    return (server.address() as AddressInfo).port;
  }

  /** The manager, which notes what it has opened for which visit, and what has failed. */
  private noting(manager: SessionManager): SessionManager {
    const failure = (error: Error, { headers }: IncomingMessage) => {
      this.visitOf(headers).error = error;
      return { status: 599, headers: {}, body: '' };
    };
    const open = async ({ headers = {}, ...incoming }: Incoming, _: unknown, isOver?: () => boolean) => {
      const visit = this.visitOf(headers);
      return (visit.opened = await manager.open({ headers, ...incoming }, visit.requestId, isOver));
    };
    return Object.create(manager, {
      options: { value: { ...manager.options, failure } },
      open: { value: open },
    }) as SessionManager;
  }

  private visitOf(headers: IncomingMessage['headers']): Visit {
    return this.visits.get(headers['x-visit'] as string)!;
  }
}

class HttpVisitor extends Visitor {
  constructor(private readonly site: HttpSite) {
    super();
  }

  override begin(server: SessionManager, requestId?: string): Promise<RequestSession> {
    const cookies = Object.entries(this.sends().cookies).filter(([, value]) => value !== undefined);
    // Tokens stay as they are; what a test has made of them may be nothing that a header can carry.
    const line = cookies.map(([name, value]) => `${name}=${encodeURIComponent(value as string)}`).join('; ');
    return this.site.begin(server, line, requestId);
  }

  override async end(server: SessionManager, request: RequestSession): Promise<void> {
    const lines = await this.site.end(request);
    await server.settled();
    for (const value of lines) this.take({ name: 'Set-Cookie', value });
  }
}
