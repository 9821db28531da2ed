// One server that writes, a memory that is full, servers that come and go by name, certificates: each on real sockets.
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { StoreUnavailableError } from '../../core/errors.js';
import { aRecord, next, payload } from '../../testing/a-record.js';
import type { SyncEvent, SyncOptions } from './options.js';
import { SyncSessionStore } from './sync-session-store.js';
import { freePorts, site } from './testing/site.js';
import { until } from './testing/until.js';

jest.setTimeout(60_000);

let stores: SyncSessionStore[] = [];

async function open(options: SyncOptions): Promise<SyncSessionStore> {
  const store = await SyncSessionStore.open(options);
  stores.push(store);
  return store;
}

async function openSite(count: number, more: Partial<SyncOptions> = {}): Promise<SyncOptions[]> {
  const settings = site(await freePorts(count)).map((each) => ({ ...each, ...more }));
  await Promise.all(settings.map(open));
  stores.sort((a, b) => a.port - b.port);
  return settings.sort((a, b) => a.listen.port - b.listen.port);
}

afterEach(async () => {
  await Promise.all(stores.map((store) => store.close()));
  stores = [];
});

const agree = () => until('all hold the same', () => new Set(stores.map((store) => store.stats().digest)).size === 1);

describe('one-way', () => {
  const direction = { oneWay: 'web1' };
  const openOneWay = async () => {
    const settings = await openSite(3, { direction });
    const writer = settings.findIndex(({ serverName }) => serverName === 'web1');
    return { settings, writer: stores[writer], others: stores.filter((_, i) => i !== writer) };
  };

  it('lets the followers send their writes to the writer, and read their own copy', async () => {
    const { others, writer } = await openOneWay();
    const record = aRecord({ userId: 'user-1' });
    expect(await others[0].create(record)).toMatchObject({ status: 'done' });
    const later = next(record, { payload: payload({ cart: 2 }) });
    expect(await others[1].update(later, record)).toMatchObject({ status: 'done' });
    await others[0].touch(record.id, record.idleEndsAt + 1000);
    for (const store of [writer, ...others])
      expect((await store.find(record.id))?.record).toEqual({ ...later, idleEndsAt: record.idleEndsAt + 1000 });
    expect(await others[0].raiseEpoch('user-1')).toBe(1);
    for (const store of [writer, ...others]) expect(await store.epochOf('user-1')).toBe(1);
    expect(await others[1].destroy(record.id)).toEqual({ status: 'done' });
    for (const store of [writer, ...others]) expect(await store.find(record.id)).toBeUndefined();
    expect(await others[1].update(later, record)).toEqual({ status: 'gone' });
  });

  it('serves what it has when the writer is gone, refuses writes, and takes it up again', async () => {
    const { settings, others, writer } = await openOneWay();
    const record = aRecord();
    await others[0].create(record);
    await writer.close();
    await until('they notice', () => others.every((store) => store.stats().peers.some(({ state }) => state !== 'up')));
    for (const store of others) {
      expect((await store.find(record.id))?.record).toEqual(record);
      await expect(store.create(aRecord())).rejects.toThrow(StoreUnavailableError);
      await expect(store.update(next(record), record)).rejects.toThrow('Only web1 writes');
      await expect(store.destroy(record.id)).rejects.toThrow(StoreUnavailableError);
      expect(store.isReady).toBe(true);
    }
    const again = await open(settings.find(({ serverName }) => serverName === 'web1')!);
    expect((await again.find(record.id))?.record).toEqual(record);
    await until('it is back', () => others.every((store) => store.stats().peers.every(({ current }) => current)));
    expect(await others[0].destroy(record.id)).toEqual({ status: 'done' });
  });
});

describe('the memory bound', () => {
  it.each([
    ['maxSessions', { maxSessions: 20 }],
    ['maxBytes', { maxBytes: 50_000 }],
  ])(
    'refuses another session beyond %s, keeps the live ones, and takes new ones when some have ended',
    async (name, bound) => {
      await openSite(2, bound);
      const kept: string[] = [];
      const refused = await (async () => {
        for (let i = 0; i < 100; i++) {
          const record = aRecord();
          try {
            await stores[i % 2].create(record);
            kept.push(record.id);
          } catch (error) {
            return error as Error;
          }
        }
      })();
      expect(refused).toBeInstanceOf(StoreUnavailableError);
      expect(refused!.message).toContain(`Raise ${name}`);
      expect(kept.length).toBeGreaterThan(10);
      for (const id of kept) for (const store of stores) expect(await store.find(id)).toBeDefined();
      // Whoever is signed in goes on, and may leave.
      await stores[0].touch(kept[0], Date.now() + 10_000_000);
      for (const id of kept.slice(0, 10)) expect(await stores[1].destroy(id)).toEqual({ status: 'done' });
      expect(await stores[0].create(aRecord())).toMatchObject({ status: 'done' });
    },
  );

  it('says so when a server cannot take over what its peers hold', async () => {
    const [first, second] = site(await freePorts(2));
    await open({ ...first, peers: [] });
    for (let i = 0; i < 50; i++) await stores[0].create(aRecord());
    await stores[0].close();
    stores = [];
    const settings = { ...first, timings: { aloneAfter: 100 } };
    await open(settings);
    for (let i = 0; i < 50; i++) await stores[0].create(aRecord());
    const small = open({ ...second, maxSessions: 10, timings: { joinWithin: 500 } });
    await expect(small).rejects.toThrow(/copy the sessions of web1 .*Raise maxSessions/);
  });
});

describe('membership', () => {
  it('follows a DNS name as it changes', async () => {
    const [port] = await freePorts(1);
    let addresses = ['127.0.0.1', '127.0.0.2'];
    const options = (n: number): SyncOptions => ({
      ...site([port])[0],
      serverName: `web${n}`,
      listen: { host: `127.0.0.${n}`, port },
      peers: ['web'],
      lookup: async (name) => (name === 'web' ? addresses : []),
      timings: { resolve: 100 },
    });
    await Promise.all([open(options(1)), open(options(2))]);
    const record = aRecord();
    await stores[0].create(record);
    expect(await stores[1].find(record.id)).toBeDefined();

    addresses = ['127.0.0.1', '127.0.0.2', '127.0.0.3'];
    const third = await open(options(3));
    expect((await third.find(record.id))?.record).toEqual(record);
    expect(stores.map((store) => store.stats().peers.length)).toEqual([2, 2, 2]);

    addresses = ['127.0.0.1', '127.0.0.2'];
    await third.close();
    await until('it is forgotten', () => stores.slice(0, 2).every((store) => store.stats().peers.length === 1));
  });

  it('serves alone when no peer answers, and joins the others when they come', async () => {
    const settings = site(await freePorts(3));
    const alone = await open({ ...settings[0], timings: { aloneAfter: 100 } });
    const record = aRecord();
    await alone.create(record);
    expect(await alone.find(record.id)).toBeDefined();
    // Nobody else was there: what a browser has seen of a session that it does not know, they may know.
    const { mark } = (await alone.find(record.id))!;
    await expect(alone.find(aRecord().id, mark)).rejects.toThrow(StoreUnavailableError);
    expect(await alone.find(aRecord().id)).toBeUndefined();
    await Promise.all(settings.slice(1).map(open));
    for (const store of stores) expect((await store.find(record.id))?.record).toEqual(record);
    expect(await alone.find(aRecord().id)).toBeUndefined();
  });

  it('refuses a second server of the same name, and says so', async () => {
    const ports = await freePorts(2);
    const [first, second] = site(ports);
    const events: SyncEvent[] = [];
    const timings = { aloneAfter: 100 };
    await open({ ...first, timings });
    await open({ ...second, serverName: 'web1', timings, onEvent: (event) => events.push(event) });
    await until('it is told', () => events.some(({ type }) => type === 'peer-refused'));
    expect(events.find(({ type }) => type === 'peer-refused')).toMatchObject({
      reason: 'Two servers have the name web1: give each server its own name.',
    });
  });

  it('refuses a short secret', async () => {
    const [options] = site([0]);
    await expect(SyncSessionStore.open({ ...options, security: { secret: 'short' } })).rejects.toThrow(TypeError);
  });
});

describe('comparing', () => {
  it('repairs what a server has missed, before anybody asks for it', async () => {
    await openSite(2, { timings: { compare: 100 } });
    const missed = aRecord();
    await stores[0].create(missed);
    // As if it had never come.
    await stores[1].sweep(Date.now() + 100 * 3_600_000, 10);
    expect(stores[1].stats().sessions).toBe(0);
    await agree();
    expect(stores[1].stats().sessions).toBe(1);
    expect(stores[1].stats().counters.fetches).toBe(0);
  });
});

describe('joining', () => {
  it('takes large sessions page by page', async () => {
    const settings = site(await freePorts(2));
    const first = await open({ ...settings[0], timings: { aloneAfter: 50 } });
    const large = Array.from({ length: 60 }, () => {
      const record = aRecord({ payload: payload({ large: 'ü'.repeat(15_000) }) });
      // All in one bucket.
      return { ...record, id: `${record.id.slice(0, -2)}07` };
    });
    for (const record of large) await first.create(record);
    const second = await open({ ...settings[1], limits: { frameBytes: 1024 * 1024 } });
    expect(second.stats()).toMatchObject({ sessions: 60, digest: first.stats().digest });
    expect(second.stats().counters.malformed).toBe(0);
  });
});

describe('certificates', () => {
  it('let in who shows one of the authority, and nobody else', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'roam-sync-'));
    try {
      const [ours, foreign] = await Promise.all(['ours', 'foreign'].map((name) => authority(folder, name)));
      const settings = site(await freePorts(3)).map((each) => ({ ...each, timings: { aloneAfter: 200 } }));
      const { secret } = settings[0].security;
      await Promise.all(settings.slice(0, 2).map((each) => open({ ...each, security: { secret, ...ours } })));
      await open({ ...settings[2], security: { secret, ...foreign } });
      const current = (store: SyncSessionStore) => store.stats().peers.filter((peer) => peer.current).length;
      await until('the two know each other', () => stores.slice(0, 2).every((store) => current(store) === 1));
      const record = aRecord();
      await stores[0].create(record);
      const states = stores.map(current);
      expect(states.sort()).toEqual([0, 1, 1]);
      expect(stores.map((store) => store.stats().sessions).sort()).toEqual([0, 1, 1]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

/** An authority and one certificate that it has signed, made by openssl. */
async function authority(folder: string, name: string): Promise<{ key: string; cert: string; ca: string }> {
  const run = promisify(execFile);
  const at = (file: string) => join(folder, `${name}-${file}`);
  const subject = [
    '-subj',
    `/CN=${name}`,
    '-days',
    '2',
    '-nodes',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
  ];
  await run('openssl', ['req', '-x509', ...subject, '-keyout', at('ca.key'), '-out', at('ca.pem')]);
  const signed = ['-CA', at('ca.pem'), '-CAkey', at('ca.key')];
  await run('openssl', ['req', '-x509', ...subject, ...signed, '-keyout', at('key.pem'), '-out', at('cert.pem')]);
  const [key, cert, ca] = await Promise.all(
    ['key.pem', 'cert.pem', 'ca.pem'].map((file) => readFile(at(file), 'utf8')),
  );
  return { key, cert, ca };
}

describe('the costs', () => {
  it.each([2, 3, 5])(
    'of a change are one message to and one from each of the others, with %d servers',
    async (count) => {
      await openSite(count, { timings: { heartbeat: 60_000, compare: 60_000 } });
      await until('all have caught up', () =>
        stores.every((store) => store.stats().peers.every(({ current }) => current)),
      );
      const sent = () => stores.map((store) => store.stats().counters.framesSent);
      const costs = async (act: () => Promise<unknown>) => {
        const before = sent();
        await act();
        return sent().map((frames, i) => frames - before[i]);
      };
      const record = aRecord();
      const others = Array.from({ length: count - 1 }, () => 1);
      expect(await costs(() => stores[0].create(record))).toEqual([count - 1, ...others]);
      expect(await costs(() => stores[0].update(next(record), record))).toEqual([count - 1, ...others]);
      expect(await costs(() => stores[0].touch(record.id, record.endsAt))).toEqual([count - 1, ...others]);
      expect(await costs(() => stores[0].find(record.id))).toEqual(sent().map(() => 0));
      expect(await costs(() => stores[0].destroy(record.id))).toEqual([count - 1, ...others]);
    },
  );
});
