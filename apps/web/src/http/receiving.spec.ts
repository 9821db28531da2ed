// Requests are received whole before they run, and are read as if nobody had read them before.
import { afterEach, describe, expect, it } from '@jest/globals';
import express, { type Request, type Response } from 'express';
import { once } from 'node:events';
import { request as httpRequest, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { policyOf } from '../routes/policy.js';
import { hasBody } from './has-body.js';
import { Receiving, type ReceivingLimits } from './receiving.js';

let server: Server | undefined;
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server?.closeAllConnections();
  server?.close();
});

type Reader = (request: Request) => Promise<Buffer>;

/** How handlers and libraries read bodies. */
const readers: Record<string, Reader> = {
  'a loop': async (request) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    return Buffer.concat(parts);
  },
  events: async (request) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    await once(request, 'end');
    return Buffer.concat(parts);
  },
  'a pipe': async (request) => {
    const parts: Buffer[] = [];
    for await (const part of request.pipe(new PassThrough())) parts.push(part as Buffer);
    return Buffer.concat(parts);
  },
  'a parser': async (request) => {
    const parse = promisify(express.raw({ type: () => true, limit: '10mb' }));
    await parse(request, {} as Response);
    return request.body as Buffer;
  },
  'a late reader': async (request) => {
    await sleep(20);
    return readers.events(request);
  },
};

async function listen(reader: Reader, limits: Partial<ReceivingLimits> = {}, bodyBytes = 1_000_000) {
  const receiving = new Receiving({
    timeMs: 5_000,
    bytes: 10_000_000,
    bytesPerAddress: 10_000_000,
    perAddress: 4,
    ...limits,
  });
  const seen = { begun: 0 };
  const app = express();
  app.use((request, _response, next) => {
    request.policy = policyOf(request.method, { limits: { body: bodyBytes } });
    next();
  });
  app.use(receiving.middleware());
  app.use(async (request, response) => {
    seen.begun += 1;
    const isWhole = request.complete || !hasBody(request);
    const body = await reader(request);
    response.json({ isWhole, size: body.length, sum: body.reduce((sum, byte) => (sum * 31 + byte) % 1_000_003, 0) });
  });
  server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { port, seen };
}

/** Sends the parts with pauses between them, so that they arrive one by one. */
async function send(port: number, parts: readonly Buffer[], headers: Record<string, string | number>) {
  const request = httpRequest({ port, path: '/api/x', method: 'POST', headers, agent: false });
  const answered = once(request, 'response');
  for (const part of parts) {
    request.write(part);
    if (part.length % 2 === 0) await sleep(1);
  }
  request.end();
  const [response] = (await answered) as [Request];
  let text = '';
  for await (const part of response) text += String(part);
  return { status: (response as unknown as { statusCode: number }).statusCode, body: JSON.parse(text) as object };
}

/** A connection that begins a request and leaves it there. */
async function begin(port: number, head: string): Promise<{ answer: () => Promise<string> }> {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  let text = '';
  socket.on('data', (part) => (text += String(part)));
  socket.write(head);
  return { answer: async () => (await once(socket, 'close'), text) };
}
const unfinished = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{';

describe('a body', () => {
  it.each(Object.keys(readers))('is whole when %s reads it, however it arrives', async (name) => {
    const { port } = await listen(readers[name]);
    let seed = 11;
    const below = (n: number) => (seed = (seed * 48_271) % 2_147_483_647) % n;
    for (let round = 0; round < 30; round += 1) {
      const sizes = Array.from({ length: below(6) }, () => below([1, 100, 5_000, 70_000][below(4)]));
      const parts = sizes.map((size, i) => Buffer.alloc(size, 65 + i)).filter(({ length }) => length > 0);
      const all = Buffer.concat(parts);
      const chunked = below(2) === 0 && all.length > 0;
      const headers: Record<string, string | number> = chunked
        ? { 'transfer-encoding': 'chunked' }
        : { 'content-length': all.length };
      const { body } = await send(port, parts, headers);
      const sum = all.reduce((before, byte) => (before * 31 + byte) % 1_000_003, 0);
      expect({ round, body }).toEqual({ round, body: { isWhole: true, size: all.length, sum } });
    }
  });

  it('that nobody reads does not stand before the next request of its connection', async () => {
    const { port, seen } = await listen(async () => Buffer.alloc(0));
    const { answer } = await begin(
      port,
      `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n${'x'.repeat(200_000)}` +
        'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nConnection: close\r\n\r\ny',
    );
    expect((await answer()).match(/200 OK/g)).toHaveLength(2);
    expect(seen.begun).toBe(2);
  });

  it('is refused when it is larger than its route allows, before it is sent or while it comes', async () => {
    const { port, seen } = await listen(readers.events, {}, 50);
    const announced = await begin(port, unfinished);
    expect(await announced.answer()).toMatch(/^HTTP\/1.1 413 /);
    const chunks = await begin(
      port,
      `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n33\r\n${'x'.repeat(51)}\r\n`,
    );
    expect(await chunks.answer()).toContain('Send at most 50 bytes');
    expect(seen.begun).toBe(0);
  });
});

describe('an unfinished body', () => {
  it('is answered 408 when its time is over, and its handler never runs', async () => {
    const { port, seen } = await listen(readers.events, { timeMs: 50 });
    const { answer } = await begin(port, unfinished);
    expect(await answer()).toMatch(/^HTTP\/1.1 408 [\s\S]*Connection: close/i);
    expect(seen.begun).toBe(0);
  });

  it('counts against its address, until it is whole or gone', async () => {
    const { port } = await listen(readers.events, { perAddress: 3 });
    for (let i = 0; i < 3; i += 1) await begin(port, unfinished);
    await sleep(50);
    expect((await send(port, [Buffer.from('x')], { 'content-length': 1 })).status).toBe(429);
    sockets[0].destroy();
    let status = 429;
    for (let tries = 0; status === 429 && tries < 100; tries += 1)
      ({ status } = await send(port, [Buffer.from('x')], { 'content-length': 1 }));
    expect(status).toBe(200);
  });

  it('behind another request of its connection is forgotten with that connection', async () => {
    const { port } = await listen(() => new Promise<Buffer>(() => undefined), { perAddress: 9, bytes: 250 });
    const whole = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n' + 'x'.repeat(100);
    await begin(port, whole + whole);
    await sleep(50);
    const ask = () => send(port, [Buffer.alloc(100)], { 'content-length': 100 });
    expect((await ask()).status).toBe(503);
    sockets[0].destroy();
    const answered = ask();
    // It is admitted, and this handler never answers.
    expect(await Promise.race([answered, sleep(500, 'admitted')])).toBe('admitted');
    server!.closeAllConnections();
    await answered.catch(() => undefined);
  });

  it.each([
    ['all may take together', { bytes: 250 }, 503],
    ['one address may', { bytesPerAddress: 250 }, 429],
  ])('takes no more memory than %s', async (_who, limits, refused) => {
    const { port } = await listen(readers.events, limits);
    await begin(port, unfinished);
    await begin(port, unfinished);
    await sleep(50);
    expect((await send(port, [Buffer.alloc(100)], { 'content-length': 100 })).status).toBe(refused);
    expect((await send(port, [Buffer.alloc(40)], { 'content-length': 40 })).status).toBe(200);
    expect((await send(port, [Buffer.alloc(40)], { 'content-length': 40 })).status).toBe(200);
  });
});
