// A session that is changed after its commit: nothing is thrown, nothing is lost in silence.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { StoreUnavailableError } from '../core/errors.js';
import { SessionManager } from '../manager.js';
import { MemorySessionStore } from '../methods/memory/memory-session-store.js';
import type { SessionEvent } from '../core/options.js';
import type { Session } from '../core/session.js';
import type { SessionRecord, WriteResult } from '../port/records.js';
import { sessionMiddleware, type SessionRequest } from './middleware.js';
import type { ServerResponse } from 'node:http';

type Handler = (session: Session, response: ServerResponse, request: SessionRequest) => unknown;
type Change = (session: Session) => unknown;

/** A memory store whose creates can be held back or made to fail. */
class TestStore extends MemorySessionStore {
  beforeWrite: () => Promise<void> = async () => undefined;

  override async create(record: SessionRecord): Promise<WriteResult> {
    await this.beforeWrite();
    return super.create(record);
  }
}

/** This statement as a CommonJS file without "use strict" would run it, where a refused change is silent. */
// eslint-disable-next-line @typescript-eslint/no-implied-eval
const sloppy = (statement: string) => new Function('session', statement) as Change;

// An error that nobody catches fails the test that runs: it would have ended the process.
describe('a session that is changed too late', () => {
  let server: Server;
  let store: TestStore;
  let events: SessionEvent[];

  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  });

  /** Serves this handler, whose session holds a cart. */
  async function serve(handler: Handler): Promise<string> {
    store = new TestStore();
    events = [];
    const onEvent = (event: SessionEvent) => void events.push(event);
    const middleware = sessionMiddleware(
      new SessionManager({ store, secrets: ['s'.repeat(32)], secure: false, onEvent }),
    );
    server = createServer((request: SessionRequest, response) =>
      middleware(request, response, () => {
        request.session!.cart = { apple: 1 };
        handler(request.session!, response, request);
      }),
    );
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  const keysReported = () => events.flatMap((event) => (event.type === 'late-change' ? event.keys : []));

  async function reported(keys: readonly string[]): Promise<void> {
    const deadline = Date.now() + 4000;
    while (keysReported().length < keys.length && Date.now() < deadline) await sleep(5);
    await sleep(20);
    expect(keysReported()).toEqual(keys);
  }

  const changes: [string, readonly string[], Change][] = [
    ['a new key', ['late'], (session) => (session.late = 1)],
    ['a key', ['cart'], (session) => (session.cart = 2)],
    ['a part of a key', ['cart'], (session) => ((session.cart as Record<string, number>).pear = 2)],
    ['a key that is removed', ['cart'], (session) => delete session.cart],
    ['a value that is not JSON', ['late'], (session) => (session.late = () => 1)],
    ['a new key, in sloppy mode', ['late'], sloppy('session.late = 1')],
    ['a key, in sloppy mode', ['cart'], sloppy('session.cart = 2')],
    ['a part of a key, in sloppy mode', ['cart'], sloppy('session.cart.pear = 2')],
    ['a key that is removed, in sloppy mode', ['cart'], sloppy('delete session.cart')],
    ['its limits', ['touch()'], (session) => session.touch()],
    ['its cookie', ['cookie.maxAge'], (session) => (session.cookie.maxAge = 1)],
    ['its user', ['bind()'], (session) => session.bind({ userId: 'ann', epoch: 0 })],
    ['its identity', ['regenerate()'], (session) => void session.regenerate()],
    ['one of its own names', ['info'], (session) => ((session as { info: unknown }).info = 1)],
    ['a key by update', ['update()'], (session) => void session.update('cart', () => 2)],
  ];

  it.each(changes)('reports %s in a "finish" listener', async (_, keys, change) => {
    const url = await serve((session, response) => {
      response.on('finish', () => change(session));
      response.end('sent');
    });
    expect(await (await fetch(url)).text()).toBe('sent');
    await reported(keys);
    expect(events.find(({ type }) => type === 'late-change')).toMatchObject({
      error: { code: 'session_usage', message: expect.stringContaining(keys[0]) },
    });
  });

  it.each(changes)('reports %s in a "finish" listener of a stream', async (_, keys, change) => {
    const url = await serve((session, response) => {
      response.on('finish', () => change(session));
      response.write('se');
      response.end('nt');
    });
    expect(await (await fetch(url)).text()).toBe('sent');
    await reported(keys);
  });

  it.each(changes)('reports %s in a "close" listener', async (_, keys, change) => {
    const url = await serve((session, response) => {
      response.on('close', () => change(session));
      response.end('sent');
    });
    expect(await (await fetch(url)).text()).toBe('sent');
    await reported(keys);
  });

  it.each(changes)('reports %s long after the response, at request.session', async (_, keys, change) => {
    const url = await serve((_session, response, request) => {
      response.on('finish', () => setTimeout(() => change(request.session!), 50));
      response.end('sent');
    });
    expect(await (await fetch(url)).text()).toBe('sent');
    await reported(keys);
  });

  it('reports a change of an open stream before the stream ends', async () => {
    const url = await serve(async (session, response) => {
      response.write('x');
      await sleep(20);
      session.late = 1;
      while (keysReported().length === 0) await sleep(5);
      response.end();
    });
    expect(await (await fetch(url)).text()).toBe('x');
    await reported(['late']);
  });

  it('reports a change that comes while the commit runs', async () => {
    const url = await serve((session, response) => {
      store.beforeWrite = () => sleep(30);
      response.end('sent');
      setTimeout(() => (session.late = 1), 10);
    });
    expect(await (await fetch(url)).text()).toBe('sent');
    await reported(['late']);
  });

  it('refuses to save what came too late', async () => {
    let refusal: unknown;
    const url = await serve((session, response) => {
      response.on('finish', () => {
        session.late = 1;
        session.save((error) => (refusal = error));
      });
      response.end('sent');
    });
    await (await fetch(url)).text();
    await reported(['late']);
    expect(refusal).toMatchObject({ code: 'session_usage' });
  });

  it('reports nothing for what is as it was committed, nor when the answer was replaced', async () => {
    let fails = false;
    const url = await serve((session, response) => {
      if (fails) store.beforeWrite = () => Promise.reject(new StoreUnavailableError('on purpose'));
      response.on('finish', () => {
        session.cart = { apple: 1 };
        if (fails) session.late = 1;
      });
      response.end('sent');
    });
    expect((await fetch(url)).status).toBe(200);
    fails = true;
    expect((await fetch(url)).status).toBe(503);
    await sleep(50);
    expect(events).toEqual([]);
  });
});
