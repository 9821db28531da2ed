// A site on express-session in a spec, its browser, and handlers that show what a program sees.
import type { AddressInfo } from 'node:net';
import { createRequire } from 'node:module';
import { afterEach } from '@jest/globals';
import express, { type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import { MemorySessionStore } from '../../methods/memory/memory-session-store.js';
import { toExpressStore, type RoamExpressStore } from '../index.js';

interface Cookie {
  maxAge: number | null;
  expires: Date | null;
  originalMaxAge: number | null;
  sameSite?: string;
  [attribute: string]: unknown;
}
type Done = (error?: Error) => void;
export interface Session {
  id: string;
  cookie: Cookie;
  regenerate(done: Done): void;
  destroy(done: Done): void;
  reload(done: (error?: Error) => void): void;
  save(done?: Done): void;
  touch(): void;
  [key: string]: unknown;
}
type Sessions = Omit<Request, 'session' | 'sessionID'> & {
  session: Session | null;
  sessionID: string;
  sessionStore: Store;
};
export type Handler = (request: Sessions, response: Response, next: NextFunction) => unknown;
export type Options = Record<string, unknown>;
export type Store = RoamExpressStore;

const session = createRequire(import.meta.url)('express-session') as {
  (options: Options): RequestHandler;
  MemoryStore: new () => Store;
};

export const stores: Record<string, () => Store> = {
  MemoryStore: () => new session.MemoryStore(),
  toExpressStore: () => toExpressStore(new MemorySessionStore()),
};

/** A site on express-session, and one browser of it. */
class Site {
  private readonly server;
  cookie: string | undefined;
  /** Status, body and the attributes of the cookie that was set, without times and values. */
  readonly seen: unknown[] = [];

  constructor(
    readonly store: Store,
    options: Options,
    routes: Record<string, Handler>,
  ) {
    const app = express();
    app.use(session({ secret: 'a secret', resave: false, saveUninitialized: false, store, ...options }));
    for (const [path, handler] of Object.entries(routes)) app.get(path, handler as unknown as RequestHandler);
    app.use((error: Error, _: Request, response: Response, next: NextFunction) => {
      if (response.headersSent) next(error);
      else response.status(500).send(error.name);
    });
    this.server = app.listen(0, '127.0.0.1');
  }

  async get(path: string, cookie = this.cookie): Promise<string> {
    if (!this.server.listening) await new Promise((resolve) => this.server.once('listening', resolve));
    const { port } = this.server.address() as AddressInfo;
    const headers = cookie === undefined ? undefined : { cookie };
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers });
    const body = await response.text();
    const set = response.headers.getSetCookie()[0];
    const attributes = set
      ?.split('; ')
      .slice(1)
      .map((part) => part.replace(/^(Expires)=.*/, '$1'));
    if (set) this.cookie = set.split(';')[0];
    this.seen.push([path, response.status, body, attributes]);
    return body;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

const sites: Site[] = [];
afterEach(() => {
  for (const site of sites.splice(0)) site.close();
});

export function openSite(store: Store, routes: Record<string, Handler>, options: Options = {}): Site {
  const site = new Site(store, options, routes);
  sites.push(site);
  return site;
}

export const count: Handler = ({ session }, response) => {
  session!.views = ((session!.views as number | undefined) ?? 0) + 1;
  response.send(`${String(session!.views)}`);
};
export const show: Handler = ({ session }, response) => {
  const { cookie, ...data } = session!;
  const { expires, _expires, originalMaxAge, ...attributes } = cookie;
  void _expires;
  response.json({
    data,
    attributes: {
      ...attributes,
      // express-session takes it from `expires` and a clock that may have gone on meanwhile: 3,599,999 for an hour.
      originalMaxAge: originalMaxAge === null ? null : Math.ceil(originalMaxAge / 1000),
      expires: expires === null ? null : typeof expires?.getTime,
    },
  });
};
export const look: Handler = (request, response) => response.json(request.session?.views ?? null);
export const promised = <T>(call: (done: (error?: unknown, value?: T | null) => void) => void) =>
  new Promise<T | null | undefined>((resolve, reject) => {
    call((error, value) => (error instanceof Error ? reject(error) : resolve(value)));
  });
