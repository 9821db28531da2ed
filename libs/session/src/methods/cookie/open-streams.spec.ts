// Open streams of sealed sessions: a look at all of them asks nobody, whichever list ends sessions.
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { RowDataPacket } from 'mysql2';
import { SessionManager } from '../../manager.js';
import { Visitor } from '../../testing/visitor.js';
import type { SessionDatabase } from '../mysql/session-database.js';
import type { PeerLink } from '../sync/peer-link.js';
import type { SyncServer } from '../sync/sync-server.js';
import { SyncSessionStore } from '../sync/sync-session-store.js';
import { freePorts, site } from '../sync/testing/site.js';
import { until } from '../sync/testing/until.js';
import { CookieSessions } from './cookie-sessions.js';
import { MemoryRevocationList } from './revocation/memory-revocation-list.js';
import { MysqlRevocationList } from './revocation/mysql-revocation-list.js';
import type { RevocationList } from './revocation/revocation-list.js';
import { SyncRevocationList } from './revocation/sync-revocation-list.js';

jest.setTimeout(30_000);

const COUNT = 2000;

/** A list, and how often anybody was asked for what it tells. */
interface Counted {
  readonly list: RevocationList;
  readonly asked: () => number;
}

const closing: (() => unknown)[] = [];
afterEach(async () => {
  jest.useRealTimers();
  await Promise.all(closing.splice(0).map((close) => close()));
});

async function onMysql(): Promise<Counted> {
  let asked = 0;
  const database: SessionDatabase = {
    readAll: async <T extends RowDataPacket>() => (asked++, [[] as T[]]),
    read: () => Promise.reject(new Error('not asked for')),
    write: async () => ({ affectedRows: 1 }),
  };
  const list = await MysqlRevocationList.open({ database, followMs: 3_600_000, maxAgeMs: 3_600_000 });
  closing.push(() => list.close());
  return { list, asked: () => asked };
}

async function onSync(): Promise<Counted> {
  const servers = await Promise.all(site(await freePorts(2)).map((each) => SyncSessionStore.open(each)));
  closing.push(...servers.map((server) => () => server.close()));
  await until('they know each other', () => servers.every(({ isReady }) => isReady));
  let asked = 0;
  const { membership } = (servers[0] as unknown as { server: SyncServer }).server;
  for (const link of membership.links) {
    const send = link.send.bind(link);
    link.send = (request: Parameters<PeerLink['send']>[0], ...rest) => {
      if (request !== 'ping' && request !== 'put') asked++;
      return send(request, ...rest);
    };
  }
  return { list: new SyncRevocationList(servers[0]), asked: () => asked };
}

describe.each([
  ['in memory', async (): Promise<Counted> => ({ list: new MemoryRevocationList(), asked: () => 0 })],
  ['in MySQL', onMysql],
  ['on sync', onSync],
])('2,000 open streams, with the revocation list %s', (_, open) => {
  it('are looked at without a question to anybody, in one turn of the event loop, and end with their sessions', async () => {
    const { list, asked } = await open();
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'performance', 'Date'] });
    const store = new CookieSessions({
      secrets: ['k'.repeat(32)],
      audience: 'https://roam.example',
      lifetimeMs: 30 * 24 * 3_600_000,
      revocations: list,
    });
    const manager = new SessionManager({ store, secrets: ['s'.repeat(32)], secure: false });
    const [out, visitor] = [new Visitor(), new Visitor()];
    for (const each of [out, visitor]) await each.put(manager, { name: 'x' });
    const [ended, looked] = [new Set<string>(), jest.fn()];
    const watch = (request: Awaited<ReturnType<Visitor['begin']>>) => {
      const hasEnded = () => (looked(), request.hasEnded());
      manager.ends.add({ id: request.id, hasEnded, onEnd: () => void ended.add(request.id) });
      return request.id;
    };
    const others = await visitor.begin(manager);
    for (let i = 1; i < COUNT; i++) watch(others);
    const outId = watch(await out.begin(manager));
    await out.visit(manager, (session) => session.destroy());
    const before = asked();
    jest.advanceTimersByTime(700);
    await new Promise((resolve) => setImmediate(resolve));
    expect([looked.mock.calls.length, asked() - before]).toEqual([COUNT, 0]);
    expect([...ended]).toEqual([outId]);
    expect(manager.ends.size).toBe(COUNT - 1);
  });
});
