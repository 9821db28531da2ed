// A carrier of one's own: the token in the `Authorization` header, as apps without cookies send it, on the life cycle as it is.
import { afterEach, describe, expect, it } from '@jest/globals';
import { parseSetCookie } from 'cookie';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sessionMiddleware, type SessionRequest } from '../http/middleware.js';
import { SessionManager } from '../manager.js';
import { MemorySessionStore, SharedMemory } from '../methods/memory/memory-session-store.js';
import { describeSessionStore } from '../testing/index.js';
import { Visitor } from '../testing/visitor.js';
import {
  type AddedHeader,
  Carried,
  type CarriedSessions,
  type Carrier,
  type CarrierContext,
  type Committed,
  type Incoming,
  type Recalled,
} from './carrier.js';
import type { CookieSet } from './cookies.js';
import { DecoratedCarried } from './decorated.js';
import { KeptCarrier } from './kept.js';

/** Token and mark as one value: `Authorization: Bearer token mark`, and `Session-Token` in the answer. */
class BearerCarrier implements Carrier {
  readonly holdsContent = false;

  constructor(
    private readonly kept: KeptCarrier,
    private readonly names: CookieSet,
  ) {}

  async open(incoming: Incoming): Promise<BearerCarried> {
    const cookies = this.cookiesOf(incoming);
    return new BearerCarried(await this.kept.open({ cookies }), cookies, this.names);
  }

  recall(incoming: Incoming): Recalled | undefined {
    return this.kept.recall({ cookies: this.cookiesOf(incoming) });
  }

  signedOut(): readonly AddedHeader[] {
    return [{ name: 'Session-Token', value: '' }];
  }

  private cookiesOf({ headers, cookies }: Incoming): Incoming['cookies'] {
    const [, token, mark] = /^Bearer (\S*) ?(\S*)$/.exec(headers?.authorization ?? '') ?? [];
    return { ...cookies, [this.names.name('token')]: token, [this.names.name('mark')]: mark };
  }
}

class BearerCarried extends DecoratedCarried {
  constructor(
    inner: Carried,
    private readonly sent: Incoming['cookies'],
    private readonly names: CookieSet,
  ) {
    super(inner);
  }

  override carry(committed: Committed | undefined): readonly AddedHeader[] {
    const changed = this.inner.carry(committed).map(({ value }) => parseSetCookie(value));
    if (changed.length === 0) return [];
    const now: Record<string, unknown> = {
      ...this.sent,
      ...Object.fromEntries(changed.map(({ name, value }) => [name, value])),
    };
    return [
      {
        name: 'Session-Token',
        value: committed ? ['token', 'mark'].map((which) => now[this.names.name(which)]).join(' ') : '',
      },
    ];
  }
}

class BearerVisitor extends Visitor {
  protected override sends(): Incoming {
    const authorization = this.token === undefined ? {} : { authorization: `Bearer ${this.token} ${this.mark ?? ''}` };
    return { cookies: { standby: this.standby }, headers: authorization };
  }

  protected override take(header: AddedHeader): void {
    if (header.value.startsWith('standby=')) return super.take(header);
    expect(header.name).toBe('Session-Token');
    [this.token, this.mark] = header.value ? header.value.split(' ') : [];
  }
}

class BearerStore extends MemorySessionStore implements CarriedSessions {
  carrier(sessions: MemorySessionStore, context: CarrierContext): Carrier {
    return new BearerCarrier(new KeptCarrier(sessions, context), context.rules.cookies.of());
  }
}

describeSessionStore('the token in a header', async () => {
  const memory = new SharedMemory();
  return { servers: [new BearerStore(memory), new BearerStore(memory)], visitor: () => new BearerVisitor() };
});

describe('over HTTP', () => {
  let server: Server;
  afterEach(() => new Promise((closed) => server.close(closed)));

  it.each([true, false])('signs in, moves on and signs out without a cookie (https: %s)', async (secure) => {
    const manager = new SessionManager({ store: new BearerStore(), secrets: ['s'.repeat(32)], secure });
    const middleware = sessionMiddleware(manager);
    server = createServer((request: SessionRequest, response) =>
      middleware(request, response, () => {
        if (request.url === '/in') request.session!.user = 'ann';
        if (request.url === '/out') void request.session!.destroy();
        response.end(String(request.session?.user));
      }),
    );
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const get = async (path: string, token?: string) => {
      const headers = { connection: 'close', ...(token !== undefined && { authorization: `Bearer ${token}` }) };
      const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, { headers });
      expect(response.headers.getSetCookie()).toEqual([]);
      return { body: await response.text(), token: response.headers.get('session-token') ?? undefined };
    };
    const { token } = await get('/in');
    expect(token).toMatch(/^\S+ \S+$/);
    expect(await get('/', token)).toEqual({ body: 'ann', token: undefined });
    expect(await get('/out', token)).toEqual({ body: 'undefined', token: '' });
    expect((await get('/', token)).body).toBe('undefined');
    expect((await get('/')).body).toBe('undefined');
  });
});

it('cannot break out of its header', async () => {
  const store = new BearerStore();
  const carrier = store.carrier.bind(store);
  store.carrier = (sessions, context) => {
    const inner = carrier(sessions, context);
    const openInner = inner.open.bind(inner);
    const open: Carrier['open'] = async (...args) => {
      const carried = await openInner(...args);
      carried.carry = () => [{ name: 'Session-Token', value: 'a\r\nSet-Cookie: evil=1' }];
      return carried;
    };
    return Object.assign(inner, { open });
  };
  const middleware = sessionMiddleware(new SessionManager({ store, secrets: ['s'.repeat(32)], secure: false }));
  const server = createServer((request: SessionRequest, response) =>
    middleware(request, response, () => {
      request.session!.user = 'ann';
      response.end('signed in');
    }),
  );
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await new Promise((closed) => server.close(closed));
  expect(response.status).toBe(503);
  expect(response.headers.getSetCookie()).toEqual([]);
});

it('is decorated in all that it does', () => {
  const own = (prototype: object) => Object.getOwnPropertyNames(prototype);
  expect(own(DecoratedCarried.prototype)).toEqual(expect.arrayContaining(own(Carried.prototype)));
});
