// A site in this process, for the checker's own tests: several servers over any store, with the web app's addresses.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SessionManager, sessionMiddleware, type Session, type SessionStore } from '@roam/session';

interface Account {
  readonly email: string;
  readonly password: string;
}

interface Exchange {
  readonly manager: SessionManager;
  readonly request: IncomingMessage & { session?: Session };
  readonly session: Session;
  readonly body: Partial<Account> & { readonly quantity?: number };
  readonly rest: string;
}

interface Reply {
  readonly status: number;
  readonly body?: object;
}

const SECRET = 'Vt7mHq2zLw9sXc4bNk8rYp3eJd6fGa5u';
const unknown: Reply = { status: 401 };

export interface SmallSite {
  readonly urls: readonly string[];
  close(): Promise<void>;
}

/** One server per store. */
export async function startSmallSite(stores: readonly SessionStore[]): Promise<SmallSite> {
  const accounts = new Map<string, Account>();
  const servers = stores.map((store) =>
    makeServer(new SessionManager({ store, secrets: [SECRET], secure: false }), accounts),
  );
  await Promise.all(servers.map((server) => new Promise<void>((done) => server.listen(0, '127.0.0.1', done))));
  return {
    urls: servers.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    close: async () => {
      for (const server of servers) server.closeAllConnections();
      await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
    },
  };
}

function makeServer(manager: SessionManager, accounts: Map<string, Account>): Server {
  const middleware = sessionMiddleware(manager);
  const routes = routesOf(accounts);
  const serve = async (request: IncomingMessage & { session?: Session }, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const body = text === '' ? {} : (JSON.parse(text) as Exchange['body']);
    const [, , name = '', rest = ''] = (request.url ?? '').split('/');
    const route = routes[`${request.method} ${name}${rest === '' ? '' : '/'}`];
    const reply = route
      ? await route({ manager, request, session: request.session!, body, rest: decodeURIComponent(rest) })
      : { status: 404 };
    response.writeHead(reply.status, { 'Content-Type': 'application/json' });
    response.end(reply.body && JSON.stringify(reply.body));
  };
  return createServer((request, response) => {
    middleware(request, response, () => {
      serve(request, response).catch(() => response.writeHead(503, { 'Retry-After': '1' }).end());
    });
  });
}

function routesOf(accounts: Map<string, Account>): Record<string, (exchange: Exchange) => Promise<Reply> | Reply> {
  const itemsOf = (session: Session) =>
    Object.fromEntries(Object.entries(session).filter(([key]) => key !== 'user')) as Record<string, number>;
  const user = (session: Session) => session.user as string | undefined;
  const signIn = async ({ manager, request, session }: Exchange, { email }: Account) => {
    const epoch = await manager.users.epochOf(email);
    const items = itemsOf(session);
    await session.regenerate();
    Object.assign(request.session!, items);
    request.session!.bind({ userId: email, epoch, remember: false }).user = email;
  };
  return {
    'POST register': async (exchange) => {
      const account = exchange.body as Account;
      accounts.set(account.email, account);
      await signIn(exchange, account);
      return { status: 201, body: { user: { email: account.email } } };
    },
    'POST login': async (exchange) => {
      const account = accounts.get(exchange.body.email ?? '');
      if (account?.password !== exchange.body.password || !account) return unknown;
      await signIn(exchange, account);
      return { status: 200, body: { user: { email: account.email } } };
    },
    'POST logout': async ({ session }) => {
      await session.destroy();
      return { status: 204 };
    },
    'GET me': ({ session }) =>
      user(session) === undefined ? unknown : { status: 200, body: { user: { email: user(session) } } },
    'GET cart': ({ session }) => ({ status: 200, body: { items: itemsOf(session) } }),
    'PUT cart/': ({ session, rest, body }) => {
      session[rest] = body.quantity!;
      return { status: 200, body: { items: itemsOf(session) } };
    },
    'GET sessions': async ({ manager, session }) => {
      if (user(session) === undefined) return unknown;
      const all = await manager.users.list(user(session)!);
      return { status: 200, body: all.map(({ id }) => ({ handle: id, current: id === session.id })) };
    },
    'DELETE sessions/': async ({ manager, session, rest }) => {
      if (user(session) === undefined) return unknown;
      await manager.users.end(user(session)!, rest);
      return { status: 204 };
    },
    'DELETE sessions': async ({ manager, session }) => {
      if (user(session) === undefined) return unknown;
      await manager.users.endAll(user(session)!, session);
      return { status: 204 };
    },
  };
}
