// Links on real sockets: what a cut keeps, what a delay adds, who hears of an end, and that memory stays bounded.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Link } from '../types.js';
import { openLink } from './link.js';
import { StackLinks } from './links.js';

/** Long enough for anything that is not cut to arrive. */
const LONG_MS = 100;

let server: Server;
/** The server's side of each connection. */
let served: Socket[];
let link: Link;
const clients: Socket[] = [];

beforeEach(async () => {
  served = [];
  server = createServer((socket) => {
    served.push(socket);
    socket.on('error', () => undefined);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  link = await openLink({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
});
afterEach(async () => {
  await link.close();
  for (const socket of [...clients.splice(0), ...served]) socket.destroy();
  server.close();
});

function dial(port = link.port): Socket {
  const client = connect(port, '127.0.0.1');
  client.on('error', () => undefined);
  clients.push(client);
  return client;
}

async function connected(): Promise<{ client: Socket; remote: Socket }> {
  const client = dial();
  const before = served.length;
  await until(() => served.length > before);
  return { client, remote: served[before] };
}

async function until(isTrue: () => boolean): Promise<void> {
  for (const end = performance.now() + 5000; !isTrue(); await sleep(2))
    if (performance.now() > end) throw new Error('Not seen within 5 s');
}

/** Collects what arrives, and how the connection ends. */
function listenTo(socket: Socket): { text: string; end: string | undefined } {
  const heard = { text: '', end: undefined as string | undefined };
  socket.on('data', (chunk) => (heard.text += chunk.toString()));
  socket.on('end', () => (heard.end ??= 'end'));
  socket.on('error', (error: NodeJS.ErrnoException) => (heard.end ??= error.code));
  return heard;
}

describe('a link', () => {
  it('carries both directions and their ends', async () => {
    const { client, remote } = await connected();
    const [atClient, atRemote] = [listenTo(client), listenTo(remote)];
    remote.write('hello');
    client.end('to you');
    await until(() => atRemote.end === 'end' && atClient.end === 'end');
    expect([atRemote.text, atClient.text]).toEqual(['to you', 'hello']);
  });

  it('passes on that a side broke off', async () => {
    const { client, remote } = await connected();
    const atClient = listenTo(client);
    remote.resetAndDestroy();
    await until(() => atClient.end === 'ECONNRESET');
  });

  it('resets who connects while nothing listens at the other end', async () => {
    await new Promise((resolve) => server.close(resolve));
    const atClient = listenTo(dial());
    await until(() => atClient.end === 'ECONNRESET');
  });

  it('lets nothing through while it is cut, and all of it, in order, when it is healed', async () => {
    const { client, remote } = await connected();
    const [atClient, atRemote] = [listenTo(client), listenTo(remote)];
    link.cut();
    client.write('a');
    remote.write('b');
    await sleep(LONG_MS);
    client.end('c');
    await sleep(LONG_MS);
    expect([atClient, atRemote]).toEqual([
      { text: '', end: undefined },
      { text: '', end: undefined },
    ]);
    await link.heal();
    await until(() => atRemote.end === 'end' && atClient.text === 'b');
    expect(atRemote.text).toBe('ac');
  });

  it('tells nobody of a broken connection before it is healed', async () => {
    const { client, remote } = await connected();
    const atClient = listenTo(client);
    link.cut();
    remote.resetAndDestroy();
    await sleep(LONG_MS);
    expect(atClient.end).toBeUndefined();
    await link.heal();
    await until(() => atClient.end === 'ECONNRESET');
  });

  it('does not answer who connects while it is cut, and resets it when it is healed', async () => {
    link.cut();
    const client = dial();
    const atClient = listenTo(client);
    client.write('anybody?');
    await sleep(LONG_MS);
    expect([served.length, atClient.end]).toEqual([0, undefined]);
    await link.heal();
    await until(() => atClient.end === 'ECONNRESET');
    await connected();
  });

  it('delays an answer by what was asked for, many in flight no more than one', async () => {
    const { client, remote } = await connected();
    remote.pipe(remote);
    const atClient = listenTo(client);
    link.delay(500);
    const start = performance.now();
    for (let i = 0; i < 10; i++) {
      client.write(String(i));
      await sleep(5);
    }
    await until(() => atClient.text.length > 0);
    expect(performance.now() - start).toBeGreaterThanOrEqual(495);
    await until(() => atClient.text === '0123456789');
    // One after the other they would take 5 s.
    expect(performance.now() - start).toBeLessThan(4_000);
  });

  it('refuses, and opens at the same port again', async () => {
    const { client } = await connected();
    const atClient = listenTo(client);
    await link.refuse();
    await until(() => atClient.end === 'ECONNRESET');
    const refused = listenTo(dial());
    await until(() => refused.end === 'ECONNREFUSED');
    await link.heal();
    await connected();
  });

  it('stops a sender whose receiver does not read, or who is cut off', async () => {
    for (const stop of [() => undefined, () => link.cut()]) {
      const { client, remote } = await connected();
      remote.pause();
      stop();
      const chunk = Buffer.alloc(1024 * 1024);
      for (let i = 0; i < 64; i++) client.write(chunk);
      let unsent = -1;
      for (; unsent !== client.writableLength; await sleep(LONG_MS)) unsent = client.writableLength;
      // What the system's own buffers hold is a few megabytes.
      expect(unsent).toBeGreaterThan(32 * chunk.length);
    }
  });
});

describe('the links of a stack', () => {
  it('are found by either end, and never silently none', async () => {
    const links = new StackLinks(async () => 0);
    const target = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
    const port = await links.open('web1', 'mysql1', target);
    await links.open('web2', 'mysql1', target);
    links.of('web1').cut();
    links.between('web2', 'mysql1').cut();
    dial(port);
    await sleep(LONG_MS);
    expect(served).toHaveLength(0);
    await links.of('mysql1').heal();
    dial(port);
    await until(() => served.length === 1);
    expect(() => links.of('web3')).toThrow('No link at web3');
    expect(() => links.between('mysql1', 'web1')).toThrow('No link from mysql1 to web1');
    await links.close();
  });
});
