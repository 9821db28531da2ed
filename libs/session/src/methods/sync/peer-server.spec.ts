// What strangers, and peers out of order, can do to the port of the links: nothing.
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { aRecord } from '../../testing/a-record.js';
import { PROTOCOL } from './messages.js';
import type { SyncOptions } from './options.js';
import { clientSecurity } from './security.js';
import { SyncSessionStore } from './sync-session-store.js';
import { Proxy } from './testing/proxy.js';
import { freePorts, SECRET, site } from './testing/site.js';
import { until } from './testing/until.js';

jest.setTimeout(60_000);

let stores: SyncSessionStore[] = [];
let proxy: Proxy;
let sockets: Socket[] = [];

/** Two servers; what the first says to the second can be recorded. */
async function openPair(more: Partial<SyncOptions> = {}): Promise<void> {
  const ports = await freePorts(2);
  proxy = await Proxy.to(ports[1]);
  const settings = site(ports, more);
  const peers = [`127.0.0.1:${proxy.port}`];
  stores = await Promise.all([
    SyncSessionStore.open({ ...settings[0], peers }),
    SyncSessionStore.open({ ...settings[1] }),
  ]);
}

beforeEach(() => {
  sockets = [];
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all(stores.map((store) => store.close()));
  proxy.close();
});

function open(port: number): Socket {
  const socket = connect(port, '127.0.0.1').resume();
  socket.on('error', () => undefined);
  sockets.push(socket);
  return socket;
}

const frame = (body: string | Buffer) => {
  const header = Buffer.alloc(4);
  header.writeUInt32BE(Buffer.byteLength(body));
  return Buffer.concat([header, Buffer.from(body)]);
};

/** A peer that knows the key. */
async function openTls(secret = SECRET): Promise<TLSSocket> {
  const socket = connectTls({ ...clientSecurity({ secret }), host: '127.0.0.1', port: stores[1].port });
  sockets.push(socket);
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  return socket;
}

const hello = (fields: object = {}) =>
  frame(
    JSON.stringify([
      1,
      'hello',
      { protocol: PROTOCOL, name: 'web9', instance: 'x', writer: '', serving: false, now: Date.now(), ...fields },
    ]),
  );

async function answerOf(socket: TLSSocket): Promise<[id: number, isAnswer: boolean, body: unknown]> {
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  return JSON.parse(chunk.toString('utf8', 4)) as [number, boolean, unknown];
}

const closed = (socket: Socket) => until('it is closed', () => socket.destroyed || socket.closed, 10_000);

/** Both servers still share their sessions, and nothing else has come in. */
async function expectUnharmed(sessions: number): Promise<void> {
  const record = aRecord();
  await stores[0].create(record);
  expect(await stores[1].find(record.id)).toBeDefined();
  for (const store of stores) expect(store.stats()).toMatchObject({ sessions: sessions + 1, tombstones: 0, epochs: 0 });
  expect(stores[0].stats().digest).toBe(stores[1].stats().digest);
  for (const store of stores) expect(store.isReady).toBe(true);
}

describe('the port of the links (CVE-2022-29885)', () => {
  it('takes 1 MB of random bytes for nothing', async () => {
    await openPair();
    await stores[0].create(aRecord());
    const socket = open(stores[1].port);
    socket.end(randomBytes(1024 * 1024));
    await closed(socket);
    const authentic = await openTls();
    authentic.write(randomBytes(1024 * 1024));
    await closed(authentic);
    expect(stores[1].stats().counters).toMatchObject({ refused: 2, malformed: 1 });
    await expectUnharmed(1);
  });

  it('lives with 1,000 idle connections, keeps few of them, and lets peers in meanwhile', async () => {
    await openPair({ limits: { handshake: 60_000, strangers: 32 } });
    const idle = Array.from({ length: 1000 }, () => open(stores[1].port));
    await Promise.all(idle.map((socket) => once(socket, 'connect')));
    const dialled = proxy.recorded.length;
    proxy.reset();
    await until('the peer is back', () => proxy.recorded.length > dialled && stores.every(({ isReady }) => isReady));
    await until('it has caught up', () => stores.every((store) => store.stats().peers[0].current));
    await expectUnharmed(0);
    await until('most are closed', () => idle.filter(({ destroyed }) => !destroyed).length <= 32);
    expect(stores[1].stats().counters.refused).toBeGreaterThanOrEqual(968);
  });

  it('takes a recorded conversation for nothing', async () => {
    await openPair();
    const record = aRecord();
    await stores[0].create(record);
    const sessions = stores[1].stats().sessions;
    const conversations = proxy.recorded.map((chunks) => Buffer.concat(chunks));
    const conversation = conversations.sort((a, b) => b.length - a.length)[0];
    for (const chunk of [conversation, conversation.subarray(0, conversation.length - 100)]) {
      const socket = open(stores[1].port);
      socket.write(chunk);
      await closed(socket);
    }
    expect(stores[1].stats().sessions).toBe(sessions);
    await expectUnharmed(1);
  });

  it('does not speak with who has another secret, and keeps nobody waiting who says nothing', async () => {
    await openPair({ limits: { handshake: 300 } });
    await expect(openTls('another secret of at least 32 characters')).rejects.toThrow();
    for (const mute of [open(stores[1].port), await openTls()]) await closed(mute);
    expect(stores[1].stats().counters.refused).toBeGreaterThanOrEqual(2);
    await expectUnharmed(0);
  });

  it.each<[string, object, string]>([
    ['another protocol', { protocol: 99 }, 'version 1'],
    ['another direction', { writer: 'web1' }, 'direction'],
    ['a clock that is hours off', { now: 0 }, 'clocks'],
    ['a name that is taken', { name: 'web2' }, 'name web2'],
  ])('refuses %s, and says why', async (_, fields, reason) => {
    await openPair();
    const socket = await openTls();
    socket.write(hello(fields));
    expect(await answerOf(socket)).toEqual([1, false, expect.stringContaining(reason)]);
    await expectUnharmed(0);
  });

  it('ends the connection of a peer that says what is not of the protocol, and keeps nothing of it', async () => {
    await openPair();
    const good = aRecord().id;
    const copy = { id: good, version: 1, ended: true, idleEndsAt: 1, endsAt: 9e15, seen: {}, writes: [], data: {} };
    const wrong = [
      frame('{}'),
      frame('[]'),
      frame('[2,"ping"]'),
      frame('[2,"nothing",null]'),
      frame('[2,"constructor",null]'),
      frame('[2,"put",[null]]'),
      frame(`[2,"put",[${JSON.stringify({ ...copy, secrets: {}, owner: {}, head: {} })}]]`),
      frame('[2,"put",[{"userId":"u","raised":{"__proto__":1}}]]'),
      frame('[2,"put",[{"userId":"u","raised":{"AAAAAA":-1}}]]'),
      frame('[2,"get","../../etc/passwd"]'),
      frame('[2,"bucket",{"bucket":256,"have":[]}]'),
      frame('[2,"write",["close"]]'),
      frame('[2,"write",["constructor"]]'),
      frame(`[2,"put",${'['.repeat(100_000)}`),
      Buffer.from([0xff, 0xff, 0xff, 0xff]),
      frame(randomBytes(50)),
    ];
    for (const bytes of wrong) {
      const socket = await openTls();
      socket.write(hello());
      expect(await answerOf(socket)).toMatchObject([1, true, { name: 'web2' }]);
      socket.write(bytes);
      await closed(socket);
    }
    expect(stores[1].stats().counters.malformed).toBe(wrong.length);
    await expectUnharmed(0);
  });

  it('reads a peer that floods it more slowly, and answers the others', async () => {
    await openPair({ limits: { framesPerSecond: 500 } });
    const socket = await openTls();
    socket.write(hello());
    await answerOf(socket);
    const pings = Array.from({ length: 2000 }, (_, i) => frame(`[${i + 2},"ping",null]`));
    socket.write(Buffer.concat(pings));
    await until('it is read more slowly', () => stores[1].stats().counters.throttled > 0);
    await expectUnharmed(0);
  });

  it('takes no more peers than it is allowed', async () => {
    await openPair({ limits: { connections: 3 } });
    const answers = [];
    for (let i = 0; i < 5; i++) {
      const socket = await openTls();
      socket.write(hello({ instance: String(i) }));
      answers.push(await answerOf(socket));
    }
    expect(answers.map(([, isWelcome]) => isWelcome)).toEqual([true, true, false, false, false]);
    await expectUnharmed(0);
  });
});
