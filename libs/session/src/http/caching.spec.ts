// Caches: what was made from a session, or sets its cookie, is nobody else's.
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { SessionOptions } from '../core/options.js';
import { SessionManager } from '../manager.js';
import { MemorySessionStore } from '../methods/memory/memory-session-store.js';
import { sessionMiddleware, type SessionRequest } from './middleware.js';

type Handler = (request: SessionRequest, response: ServerResponse) => void;

let server: Server | undefined;
afterEach(() => new Promise((closed) => (server ? server.close(closed).closeAllConnections() : closed(undefined))));

/** The headers of the answer of this handler, and those of the same browser's next request. */
async function answersOf(...handlers: Handler[]) {
  return answersWith({ limits: { touch: 0 } }, handlers);
}

async function answersWith(options: Partial<SessionOptions>, handlers: readonly Handler[], after?: () => void) {
  const store = new MemorySessionStore();
  const middleware = sessionMiddleware(
    new SessionManager({ store, secrets: ['s'.repeat(32)], secure: false, ...options }),
  );
  let handler: Handler;
  server = createServer((request, response) => middleware(request, response, () => handler(request, response)));
  await new Promise<void>((listening) => server!.listen(0, '127.0.0.1', listening));
  let cookie = '';
  const answers: { cacheControl: string | null; vary: string | null; setsCookie: boolean; text: string }[] = [];
  for (handler of handlers) {
    const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { headers: { cookie } });
    const set = answer.headers.getSetCookie();
    if (set.length > 0) cookie = set.map((line) => line.split(';')[0]).join('; ');
    const { headers } = answer;
    answers.push({
      cacheControl: headers.get('cache-control'),
      vary: headers.get('vary'),
      setsCookie: set.length > 0,
      text: await answer.text(),
    });
    after?.();
  }
  return answers;
}

const writes: Handler = (request, response) => {
  request.session!.cart = 1;
  response.end('written');
};
const reads =
  (headers: Record<string, string | string[]> = {}): Handler =>
  (request, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    response.end(JSON.stringify(request.session));
  };

it('lets nobody keep what sets a cookie or was made from a session (CVE-2025-48947, CVE-2025-64762)', async () => {
  const answers = await answersOf(reads(), writes, reads());
  const caching = { cacheControl: 'private, no-store', vary: 'Cookie' };
  expect(answers).toEqual([
    { ...caching, setsCookie: false, text: '{}' },
    { ...caching, setsCookie: true, text: 'written' },
    { ...caching, setsCookie: false, text: '{"cart":1}' },
  ]);
});

it('leaves alone what has nothing to do with the session', async () => {
  const [, answer] = await answersOf(writes, (_request, response) => {
    response.setHeader('Cache-Control', 'public, max-age=60').end('the same for all');
  });
  expect(answer).toMatchObject({ cacheControl: 'public, max-age=60', vary: null, setsCookie: false });
});

it('tells caches also of a cookie that is sent anew though no handler looked at the session (CVE-2026-35192)', async () => {
  let now = Date.now();
  const options = { now: () => now, limits: { renew: 60_000, touch: 60_000 } };
  const keeps: Handler = (_request, response) => {
    response.setHeader('Cache-Control', 'public, max-age=60').end('the same for all');
  };
  const [, answer] = await answersWith(options, [writes, keeps], () => (now += 120_000));
  expect(answer).toMatchObject({ cacheControl: 'private, max-age=60', vary: 'Cookie', setsCookie: true });
});

it.each<[string, (request: SessionRequest) => unknown]>([
  ['a key with "in"', ({ session }) => 'cart' in session!],
  ['a key with hasOwn', ({ session }) => Object.hasOwn(session!, 'cart')],
  ['its keys', ({ session }) => Object.keys(session!)],
  ['its size', ({ session }) => Object.entries(session!).length],
  ['its text', ({ session }) => JSON.stringify(session)],
  ['its end', ({ session }) => session!.info.expiresAt],
  ['its cookie', ({ session }) => session!.cookie.maxAge],
  ['its id', (request) => request.sessionID],
  ['whether there is one', (request) => request.session !== undefined],
  ['a copy of the request', (request) => ({ ...request })],
  ['the request by reflection', (request) => Reflect.get(request, 'session')],
])('lets nobody keep what was made from %s (CVE-2026-27205)', async (_, look) => {
  const [, answer] = await answersOf(writes, (request, response) => {
    look(request);
    response.setHeader('Cache-Control', 'public, max-age=60').end('made from it');
  });
  expect(answer).toMatchObject({ cacheControl: 'private, max-age=60', vary: 'Cookie' });
});

it('counts the id and a session that has ended', async () => {
  const [, byId, ended] = await answersOf(
    writes,
    (request, response) => response.end(request.sessionID),
    (request, response) => {
      void request.session!.destroy();
      response.setHeader('Cache-Control', 'public').end('signed out');
    },
  );
  expect(byId).toMatchObject({ cacheControl: 'private, no-store', vary: 'Cookie' });
  expect(ended).toMatchObject({ cacheControl: 'private', vary: 'Cookie', setsCookie: true });
});

it('merges the headers of writeHead, and of a response that is streamed', async () => {
  const [head, stream] = await answersOf(
    (request, response) => {
      request.session!.cart = 1;
      response.writeHead(200, { 'cache-control': 'public, max-age=60', vary: 'Accept' }).end('done');
    },
    (request, response) => {
      response.setHeader('Vary', 'Accept');
      response.write(JSON.stringify(request.session));
      response.end(' and more');
    },
  );
  expect(head).toMatchObject({ cacheControl: 'private, max-age=60', vary: 'Accept, Cookie', text: 'done' });
  expect(stream).toMatchObject({
    cacheControl: 'private, no-store',
    vary: 'Accept, Cookie',
    text: '{"cart":1} and more',
  });
});

describe('the own headers of a handler that reads the session', () => {
  it.each<[own: string | string[], becomes: string]>([
    ['public, max-age=60', 'private, max-age=60'],
    ['PUBLIC', 'private'],
    ['max-age=60', 'private, max-age=60'],
    ['s-maxage=60, max-age=5', 'private, max-age=5'],
    ['public, private', 'private'],
    [['public', 'max-age=60'], 'private, max-age=60'],
    ['no-cache', 'private, no-cache'],
    ['private="x-name", max-age=60', 'private, private="x-name", max-age=60'],
    ['private, max-age=60', 'private, max-age=60'],
    ['no-store', 'no-store'],
    ['no-store, public', 'private, no-store'],
    ['', 'private'],
  ])('Cache-Control: %s', async (own, becomes) => {
    const [answer] = await answersOf(reads({ 'Cache-Control': own }));
    expect(answer.cacheControl).toBe(becomes);
  });

  it.each<[own: string | string[], becomes: string]>([
    ['Accept-Encoding', 'Accept-Encoding, Cookie'],
    [['Accept', 'Origin'], 'Accept, Origin, Cookie'],
    ['Origin, cookie', 'Origin, cookie'],
    ['Cookie', 'Cookie'],
    ['*', '*'],
    ['X-Cookie', 'X-Cookie, Cookie'],
    ['', 'Cookie'],
  ])('Vary: %s', async (own, becomes) => {
    const [answer] = await answersOf(reads({ Vary: own }));
    expect(answer.vary).toBe(becomes);
  });
});
