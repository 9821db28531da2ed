// Sessions in tests that call `app.inject`, where there is no connection: what is answered is what would be sent.
import { Readable } from 'node:stream';
import { afterEach, beforeAll, expect, it } from '@jest/globals';
import { fastify, type FastifyInstance, type InjectOptions, type LightMyRequestResponse } from 'fastify';
import { StoreUnavailableError } from '../core/errors.js';
import type { SessionEvent } from '../core/options.js';
import { SessionManager } from '../manager.js';
import { MemorySessionStore } from '../methods/memory/memory-session-store.js';
import { sessions } from './index.js';
import { requireCookieOfInject } from './testing/inject-in-jest.js';

let app: FastifyInstance;
let store: MemorySessionStore;
let events: SessionEvent[];
afterEach(() => app.close());

beforeAll(requireCookieOfInject);

const LONG = 'b'.repeat(1_000_000);

/** The same app with sessions, or without for comparison. */
async function newApp(withSessions = true): Promise<void> {
  app = fastify();
  store = new MemorySessionStore();
  events = [];
  const onEvent = (event: SessionEvent) => void events.push(event);
  const manager = new SessionManager({ store, secrets: ['s'.repeat(32)], secure: false, onEvent });
  if (withSessions) await app.register(sessions, { manager });
  app.addHook('onRequest', async ({ session }) => void (session && (session.seen = 1)));
  app.get('/', async ({ session }) => ({ ...session }));
  app.get('/cookies', (_, reply) => reply.header('set-cookie', ['x=1', 'y=2']).header('x-one', 1).send('ok'));
  app.get('/stream', (_, reply) => reply.send(Readable.from(['one ', '', 'two ', 'three'])));
  app.get('/long', (_, reply) =>
    reply.send(Readable.from(Array.from({ length: 100 }, () => Buffer.from(LONG.slice(0, 10_000))))),
  );
  app.get('/bytes', (_, reply) => reply.send(Buffer.from([0, 255, 13, 10, 128])));
  app.get('/none', (_, reply) => reply.code(204).send());
  app.get('/trailer', (_, reply) => reply.trailer('etag', async () => 'tail').send('body'));
  app.get('/raw', (_, reply) => {
    reply.hijack();
    reply.raw.writeHead(201, 'Made', { 'Content-Type': 'text/plain' });
    reply.raw.write('c3Bs', 'base64');
    reply.raw.end('it');
  });
  app.get('/late', async (request, reply) => {
    await reply.send('ok');
    request.session!.late = 1;
  });
  app.get('/failing', async () => {
    throw new Error('on purpose');
  });
  app.post('/echo', async ({ body }) => body);
}

/** What a caller sees, without what differs by design: the headers for caches, and the date. */
const shown = ({ statusCode, statusMessage, headers, rawPayload, trailers }: LightMyRequestResponse) => {
  const others = Object.entries(headers).filter(([name]) => !/^(date|cache-control|vary|set-cookie)$/.test(name));
  const body = rawPayload.toString('hex');
  return {
    answer: { statusCode, statusMessage, others: others.sort(), body, trailers, dated: headers.date !== undefined },
    cookies: [headers['set-cookie'] ?? []].flat(),
  };
};

it.each<InjectOptions>([
  ...['/cookies', '/stream', '/long', '/bytes', '/none', '/trailer', '/raw', '/failing', '/nowhere'].map((url) => ({
    url,
  })),
  { method: 'POST', url: '/echo', payload: { a: 1 } },
  { method: 'HEAD', url: '/bytes' },
])('answers as without sessions, and with their cookies: %j', async (options) => {
  await newApp(false);
  const bare = shown(await app.inject(options));
  await app.close();
  await newApp();
  const { answer, cookies } = shown(await app.inject(options));
  expect(answer).toEqual(bare.answer);
  expect(cookies).toEqual([...bare.cookies, expect.stringMatching(/^sid=/), expect.stringMatching(/^mark=/)]);
});

it('knows the visitor at the next request', async () => {
  await newApp();
  const first = await app.inject('/');
  const cookies = Object.fromEntries(first.cookies.map(({ name, value }) => [name, value]));
  expect(Object.keys(cookies)).toEqual(['sid', 'mark']);
  const second = await app.inject({ url: '/', cookies });
  expect([second.json(), second.cookies]).toEqual([{ seen: 1 }, []]);
  expect(second.headers).toMatchObject({ vary: 'Cookie', 'cache-control': 'private, no-store' });
});

it('answers 503 when the session cannot be stored', async () => {
  await newApp();
  store.create = () => Promise.reject(new StoreUnavailableError('on purpose'));
  for (const url of ['/', '/stream', '/raw']) {
    const { statusCode, headers, json } = await app.inject(url);
    const error = { code: 'session_store_unavailable', message: 'on purpose' };
    expect([statusCode, headers['retry-after'], json()]).toEqual([503, '1', { error }]);
  }
});

it.each([
  ['/stream', 'one two three'],
  ['/long', LONG],
  ['/', '{"seen":1}'],
])('lets a test read the body of %s as it comes', async (url, body) => {
  await newApp();
  const answer = await app.inject({ url, payloadAsStream: true });
  const chunks = (await answer.stream().toArray()) as Buffer[];
  expect([answer.statusCode, Buffer.concat(chunks).toString()]).toEqual([200, body]);
  expect(answer.cookies.map(({ name }) => name)).toEqual(['sid', 'mark']);
});

it('tells of a change that comes too late', async () => {
  await newApp();
  await app.inject('/late');
  while (events.length === 0) await new Promise(setImmediate);
  expect(events).toMatchObject([{ type: 'late-change', keys: ['late'] }]);
});
