// Handlers that use the response wrongly: they get Node's errors where Node raises them, and the server lives.
import { once } from 'node:events';
import { createServer, get, type Server } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { connect, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import express, { type Request, type Response } from 'express';
import { StoreUnavailableError } from '../core/errors.js';
import { SessionManager } from '../manager.js';
import { MemorySessionStore } from '../methods/memory/memory-session-store.js';
import type { SessionEvent, SessionOptions } from '../core/options.js';
import type { SessionRecord, WriteResult } from '../port/records.js';
import { sessionMiddleware, type SessionRequest } from './middleware.js';

type Handler = (request: SessionRequest & Request, response: Response) => unknown;

/** A memory store whose creates can be held back or made to fail. */
class TestStore extends MemorySessionStore {
  beforeWrite: () => Promise<void> = async () => undefined;

  override async create(record: SessionRecord): Promise<WriteResult> {
    await this.beforeWrite();
    return super.create(record);
  }
}

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code;

/** What `act` throws: its code, or undefined. */
function thrown(act: () => unknown): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}

// An error that nobody catches fails the test that runs: it would have ended the process.
describe('a response that is used wrongly', () => {
  const servers: Server[] = [];
  let store: TestStore;
  let events: SessionEvent[] = [];

  afterEach(async () => {
    events = [];
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    }
  });

  /** Serves this handler, for a session that it changes first. */
  async function serve(handler: Handler, options: Partial<SessionOptions> = {}): Promise<string> {
    store = new TestStore();
    const onEvent = (event: SessionEvent) => void events.push(event);
    const app = express();
    app.use(
      sessionMiddleware(new SessionManager({ store, secrets: ['s'.repeat(32)], secure: false, onEvent, ...options })),
    );
    app.use((request, response) => {
      (request as SessionRequest).session!.a = 1;
      return handler(request as SessionRequest & Request, response);
    });
    app.use((_error: unknown, _request: Request, response: Response, _next: unknown) => {
      if (response.headersSent) response.destroy();
      else Object.assign(response, { statusCode: 500, statusMessage: '' }).end('failed');
    });
    const server = createServer(app);
    servers.push(server);
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  const fetched = async (url: string) => {
    const response = await fetch(url);
    return [response.status, await response.text()];
  };

  it.each<[string, Handler]>([
    [
      'a header value',
      (_, response) => response.writeHead(200, { 'Content-Disposition': 'attachment; filename=☃.txt' }),
    ],
    ['a header name', (_, response) => response.writeHead(200, { 'a b': '1' })],
    ['a header without a value', (_, response) => response.writeHead(200, ['X-One'])],
    ['a status code', (_, response) => response.writeHead(1000)],
    ['a status code set before', (_, response) => ((response.statusCode = 42), response.end('x'))],
    ['a status message', (_, response) => response.writeHead(200, 'snow ☃')],
    ['a status message set before', (_, response) => ((response.statusMessage = 'a\r\nb: c'), response.end('x'))],
    ['a chunk', (_, response) => response.write({})],
    ['no chunk', (_, response) => response.write(null)],
    ['a last chunk', (_, response) => response.end({} as string)],
  ])('answers 500 when Node refuses %s', async (_, handler) => {
    const url = await serve((request, response) => {
      handler(request, response);
      response.end();
    });
    expect(await fetched(url)).toEqual([500, 'failed']);
    expect(await fetched(url)).toEqual([500, 'failed']);
  });

  it('sends the first of two answers whole, and throws at the second where it stands', async () => {
    const errors: unknown[] = [];
    const url = await serve((_, response) => {
      response.json({ a: 1 });
      errors.push(thrown(() => response.status(500).json({ b: 'longer' })));
      errors.push(thrown(() => response.writeHead(500)));
      errors.push(thrown(() => response.setHeader('X-Late', '1')));
      errors.push(thrown(() => response.appendHeader('X-Late', '1')));
      errors.push(thrown(() => response.removeHeader('Content-Type')));
    });
    expect(await fetched(url)).toEqual([200, '{"a":1}']);
    expect(errors).toEqual(Array(5).fill('ERR_HTTP_HEADERS_SENT'));
  });

  it('commits nothing for what Node has refused, until something is sent', async () => {
    let committed = false;
    const url = await serve(async (_, response) => {
      store.beforeWrite = async () => void (committed = true);
      expect(thrown(() => response.write({}))).toBe('ERR_INVALID_ARG_TYPE');
      expect(thrown(() => response.writeHead(200, { bad: '☃' }))).toBe('ERR_INVALID_CHAR');
      await sleep(20);
      expect([committed, response.headersSent]).toEqual([false, false]);
      response.end('good');
    });
    expect(await fetched(url)).toEqual([200, 'good']);
    expect(committed).toBe(true);
  });

  it('ends once, however often the handler does', async () => {
    const ended: unknown[] = [];
    const url = await serve((_, response) => {
      response.end('one', () => ended.push('first'));
      response.end(() => ended.push('second'));
      response.end('three', (...error: unknown[]) => ended.push(codeOf(error[0])));
    });
    expect(await fetched(url)).toEqual([200, 'one']);
    expect(ended).toEqual(expect.arrayContaining(['first', 'second', 'ERR_STREAM_WRITE_AFTER_END']));
    expect(events).toEqual([
      { type: 'response-error', error: expect.objectContaining({ code: 'ERR_STREAM_WRITE_AFTER_END' }) },
    ]);
  });

  it('leaves the "error" event to the handler that listens to it', async () => {
    const errors: unknown[] = [];
    const url = await serve((_, response) => {
      response.on('error', (error) => errors.push(codeOf(error)));
      response.end('one');
      response.write('two', (error) => errors.push(codeOf(error)));
    });
    expect(await fetched(url)).toEqual([200, 'one']);
    expect(errors).toEqual(['ERR_STREAM_WRITE_AFTER_END', 'ERR_STREAM_WRITE_AFTER_END']);
    expect(events).toEqual([]);
  });

  it.each([true, false])('lives when the client leaves, and calls back; after the first byte: %s', async (hasBegun) => {
    const results: unknown[] = [];
    let leave = () => undefined as void;
    const url = await serve(async (_, response) => {
      let release = () => undefined as void;
      const held = new Promise<void>((released) => (release = released));
      store.beforeWrite = () => held;
      const left = once(response, 'close');
      const write = (text: string) => response.write(text, (error) => results.push(codeOf(error)));
      if (hasBegun) write('early');
      leave();
      await left;
      write('late');
      response.end('end');
      response.end(() => undefined);
      release();
    });
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    leave = () => void socket.destroy();
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    while (results.length < (hasBegun ? 2 : 1)) await sleep(5);
    expect(new Set(results)).toEqual(new Set(['ERR_STREAM_DESTROYED']));
  });

  it('calls back and wakes the handler when its answer is replaced', async () => {
    const heard: string[] = [];
    const url = await serve((_, response) => {
      store.beforeWrite = () => Promise.reject(new StoreUnavailableError('on purpose'));
      for (const name of ['finish', 'close', 'drain']) response.on(name, () => heard.push(name));
      expect(response.write(Buffer.alloc(200_000), () => heard.push('written'))).toBe(false);
      response.end('x', () => heard.push('ended'));
    });
    const response = await fetch(url);
    expect([response.status, response.statusText]).toEqual([503, 'Service Unavailable']);
    await response.text();
    while (!heard.includes('close')) await sleep(5);
    expect(heard.sort()).toEqual(['close', 'ended', 'finish', 'written']);
    expect((await fetch(url)).status).toBe(503);
  });

  it('sends its own answer when Node refuses the one of the app', async () => {
    const failure = () => ({ status: 503, headers: { 'X-Bad': '☃' }, body: 'never' });
    const url = await serve(
      (_, response) => {
        store.beforeWrite = () => Promise.reject(new StoreUnavailableError('on purpose'));
        response.end('x');
      },
      { failure },
    );
    const [status, body] = await fetched(url);
    expect([status, body]).toEqual([503, expect.stringContaining('session_store_unavailable')]);
  });

  it('lets informational responses pass before the commit', async () => {
    let hinted = () => undefined as void;
    const seen = new Promise<void>((resolve) => (hinted = resolve));
    const url = await serve((_, response) => {
      store.beforeWrite = () => seen;
      response.writeEarlyHints({ link: '</style.css>; rel=preload' });
      response.end('x');
    });
    const status = await new Promise((resolve, reject) => {
      get(url, (response) => resolve(response.resume().statusCode))
        .on('information', hinted)
        .on('error', reject);
    });
    expect(status).toBe(200);
  });
});

it('a response that is not HTTP/1.1 is refused before its session is opened, with the reason', async () => {
  const middleware = sessionMiddleware(
    new SessionManager({ store: new MemorySessionStore(), secrets: ['s'.repeat(32)], secure: false }),
  );
  const server = createHttp2Server((request, response) =>
    middleware(request as never, response as never, (error) => response.end(String(error))),
  );
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const client = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const stream = client.request({ ':path': '/' }).setEncoding('utf8');
  expect((await stream.toArray()).join('')).toContain('A session needs a response of node:http (HTTP/1.1)');
  client.close();
  await new Promise((closed) => server.close(closed));
});
