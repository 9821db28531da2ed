// A server that has not caught up with a peer must not say "not logged in" where that peer may know better.
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { SessionRecord } from '../../port/records.js';
import { StoreUnavailableError } from '../../core/errors.js';
import { aRecord } from '../../testing/a-record.js';
import { createdAt } from '../../core/identity.js';
import type { SyncEvent, SyncOptions } from './options.js';
import { SyncSessionStore } from './sync-session-store.js';
import { Proxy } from './testing/proxy.js';
import { freePorts, site } from './testing/site.js';
import { until } from './testing/until.js';

jest.setTimeout(60_000);

const MINUTE = 60_000;

let stores: SyncSessionStore[] = [];
let proxies: Proxy[] = [];

async function open(options: SyncOptions): Promise<SyncSessionStore> {
  const store = await SyncSessionStore.open(options);
  stores.push(store);
  return store;
}

async function proxyTo({ listen }: SyncOptions): Promise<Proxy> {
  const proxy = await Proxy.to(listen.port);
  proxies.push(proxy);
  return proxy;
}

const at = (port: number) => `127.0.0.1:${port}`;
const isAlone = (store: SyncSessionStore) => store.stats().peers.every(({ state }) => state !== 'up');
const isTogether = (store: SyncSessionStore) => store.stats().peers.every(({ current }) => current);

/** A session that began before everything that happens here. */
function anOldRecord(): SessionRecord {
  const record = aRecord();
  const began = createdAt(record.id) - 60 * MINUTE;
  return { ...record, id: began.toString(16).padStart(12, '0') + record.id.slice(12) };
}

async function create(store: SyncSessionStore, record: SessionRecord): Promise<string> {
  const result = await store.create(record);
  return result.status === 'done' ? result.mark! : '';
}

const answerOf = (store: SyncSessionStore, id: string, mark?: string) =>
  store.find(id, mark).then(
    (found) => (found ? 'found' : 'none'),
    (error: Error) => error.message,
  );

/** Does not say "none" at any time, and says why. */
async function cannotTell(store: SyncSessionStore, id: string, mark: string): Promise<void> {
  await until('it says who may know', async () => {
    const answer = await answerOf(store, id, mark);
    expect(['found', 'none']).not.toContain(answer);
    return answer.includes('may have the state of this session');
  });
}

const knowsNone = (store: SyncSessionStore, id: string, mark?: string) =>
  until('it says that there is none', async () => (await answerOf(store, id, mark)) === 'none');

afterEach(async () => {
  await Promise.all(stores.map((store) => store.close()));
  for (const proxy of proxies) proxy.close();
  [stores, proxies] = [[], []];
});

describe('a session of the other side', () => {
  it('is not taken for ended when the link comes up for a moment only', async () => {
    const [first, second] = site(await freePorts(2));
    const [there, back] = [await proxyTo(second), await proxyTo(first)];
    let ahead = 0;
    let flaps = 0;
    const now = () => Date.now() + ahead;
    const onEvent = ({ type }: SyncEvent) => {
      if (ahead === 0 || type !== 'peer-up') return;
      back.cut();
      flaps++;
    };
    const [one, other] = await Promise.all([
      open({ ...first, peers: [at(there.port)], now }),
      open({ ...second, peers: [at(back.port)], now, onEvent }),
    ]);
    await until('they have met', () => isTogether(one) && isTogether(other));
    for (const proxy of [there, back]) proxy.cut();
    await until('they notice', () => isAlone(one) && isAlone(other));
    const record = aRecord();
    const mark = await create(one, record);

    ahead = MINUTE;
    back.heal();
    await until('the link was up', () => flaps > 0 && isAlone(other) && other.isReady);
    await cannotTell(other, record.id, mark);
  });

  it('is not taken for ended by a server that started in the meantime, unless the other side is gone', async () => {
    const settings = site(await freePorts(3));
    const [first, second, third] = settings;
    const between = await Promise.all([second, third, first, first].map(proxyTo));
    const [toSecond, toThird, ...back] = between.map(({ port }) => at(port));
    const [one] = await Promise.all([
      open({ ...first, peers: [toSecond, toThird] }),
      open({ ...third, peers: [back[1], at(second.listen.port)] }),
      open({ ...second, peers: [back[0], at(third.listen.port)] }),
    ]);
    const before = stores.find(({ port }) => port === second.listen.port)!;
    await until('they have met', () => stores.every(isTogether));
    for (const proxy of between) proxy.cut();
    await until('it notices', () => isAlone(one));
    const record = anOldRecord();
    const mark = await create(one, record);

    await before.close();
    const again = await open({ ...second, peers: [back[0], at(third.listen.port)] });
    await until('it is ready', () => again.isReady);
    await cannotTell(again, record.id, mark);
    await knowsNone(again, anOldRecord().id);

    await one.close();
    for (const proxy of between) proxy.close();
    await knowsNone(again, record.id, mark);
  });
});

describe('a server that starts', () => {
  const joining = { aloneAfter: 100, joinWithin: 5000 };

  it('does not serve when its only source falls silent before all was taken over', async () => {
    const [first, second] = site(await freePorts(2), { timings: joining });
    const one = await open(first);
    await one.create(aRecord());
    const proxy = await proxyTo(first);
    const onEvent = ({ type }: SyncEvent) => type === 'peer-up' && proxy.cut();
    const joiner = open({ ...second, peers: [at(proxy.port)], onEvent });
    await expect(joiner).rejects.toThrow('Could not copy the sessions of');
  });

  it('goes on when its only source dies before all was taken over', async () => {
    const [first, second] = site(await freePorts(2), { timings: { ...joining, joinWithin: 60_000 } });
    const one = await open(first);
    await one.create(aRecord());
    const onEvent = ({ type }: SyncEvent) => type === 'peer-up' && void one.close();
    expect((await open({ ...second, onEvent })).stats().sessions).toBe(0);
  });

  const named = async (count: number): Promise<SyncOptions[]> => {
    const [port] = await freePorts(1);
    return Array.from({ length: count }, (_, i) => ({
      ...site([port])[0],
      serverName: `web${i + 1}`,
      listen: { host: `127.0.0.${i + 1}`, port },
      peers: ['web'],
    }));
  };

  it('waits for the name server', async () => {
    const [first, second] = await named(2);
    const both = ['127.0.0.1', '127.0.0.2'];
    const one = await open({ ...first, lookup: async () => both, timings: { aloneAfter: 100 } });
    const record = aRecord();
    await one.create(record);
    let asked = 0;
    const lookup = async () => {
      if (++asked < 3) throw new Error('EAI_AGAIN');
      return both;
    };
    const joiner = await open({ ...second, lookup, timings: { aloneAfter: 30_000 } });
    expect((await joiner.find(record.id))?.record).toEqual(record);
  });

  it('does not take itself for the whole site when no name server answers', async () => {
    const [options] = await named(1);
    const lookup = () => Promise.reject(new Error('EAI_AGAIN'));
    let isCutOff = false;
    const timings = { aloneAfter: 100 };
    const store = await open({ ...options, lookup, timings, acks: 'majority', isCutOff: async () => isCutOff });
    const record = aRecord();
    await expect(store.create(record)).rejects.toThrow('no majority');
    const { mark } = (await store.find(record.id))!;
    await cannotTell(store, aRecord().id, mark!);
    await knowsNone(store, aRecord().id);
    isCutOff = true;
    await until('it asks whether it was cut off', () => store.isCutOff);
    expect(store.waitsFor).toEqual(['web']);
    await expect(store.find(record.id)).rejects.toThrow(StoreUnavailableError);
  });

  it('waits for nobody where it is the only one, and for no longer than it takes where all start at once', async () => {
    const timings = { aloneAfter: 50_000 };
    const [only] = await named(1);
    const [self] = site(await freePorts(1));
    await open({ ...only, timings, lookup: async () => ['127.0.0.1'] });
    await open({ ...self, timings });
    await open({ ...self, listen: { host: '127.0.0.1', port: 0 }, peers: [], timings });
    await Promise.all(site(await freePorts(3), { timings }).map(open));
  });
});
