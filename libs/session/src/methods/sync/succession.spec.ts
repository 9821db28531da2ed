// One server leads, and the next in order when it is gone: on real sockets, through a network that can be cut.
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { StoreUnavailableError } from '../../core/errors.js';
import type { Json, SessionRecord } from '../../port/records.js';
import { aRecord, next, payload } from '../../testing/a-record.js';
import type { SyncOptions } from './options.js';
import { SyncSessionStore } from './sync-session-store.js';
import { Proxy } from './testing/proxy.js';
import { freePorts, site } from './testing/site.js';
import { until } from './testing/until.js';

jest.setTimeout(60_000);

const MINUTE = 60_000;
const ORDER = ['web1', 'web2', 'web3'];

let stores: SyncSessionStore[] = [];
/** `network[i][j]` carries what server i says to server j. */
let network: (Proxy | undefined)[][] = [];
let settings: SyncOptions[] = [];

/** `web1`, `web2` … in this order; the clock of each is five minutes behind the one before. */
async function openSite(count = 3, more: Partial<SyncOptions> = {}): Promise<void> {
  const ports = await freePorts(count);
  network = await Promise.all(
    ports.map((_, i) => Promise.all(ports.map(async (port, j) => (i === j ? undefined : Proxy.to(port))))),
  );
  settings = site(ports).map((each, i) => ({
    ...each,
    // Its own address too, as most sites list it.
    peers: network[i].map((proxy) => `127.0.0.1:${proxy?.port ?? ports[i]}`),
    now: () => Date.now() + (1 - i) * 5 * MINUTE,
    direction: { oneWay: ORDER },
    ...more,
  }));
  stores = await Promise.all(settings.map((each) => SyncSessionStore.open(each)));
  await untilLed();
}

afterEach(async () => {
  await Promise.all(stores.map((store) => store.close()));
  stores = [];
  for (const proxy of network.flat()) proxy?.close();
});

const leaders = (ones = stores) => [...new Set(ones.map(({ leader }) => leader))];
const untilLed = (by?: string, ones = stores) =>
  until(`${by ?? 'one'} leads`, () => {
    const [first, ...others] = leaders(ones);
    return first !== undefined && others.length === 0 && (by === undefined || first === by);
  });

const others = (i: number) => [0, 1, 2].filter((j) => j !== i);
const waysOf = (i: number) => others(i).flatMap((j) => [network[i][j]!, network[j][i]!]);
const cut = (i: number) => waysOf(i).forEach((proxy) => proxy.cut());

async function heal(i: number): Promise<void> {
  for (const proxy of waysOf(i)) proxy.heal();
  await until('the servers hold the same', () => {
    const digests = stores.map((store) => store.stats().digest);
    const areCurrent = stores.every((store) => store.isReady && store.stats().peers.every(({ current }) => current));
    return areCurrent && new Set(digests).size === 1;
  });
  await untilLed();
}

const contentOf = async (store: SyncSessionStore, id: string) => {
  const found = await store.find(id);
  return found && (JSON.parse(found.record.payload) as { d: Record<string, Json> }).d;
};

let writes = 0;
async function write(store: SyncSessionStore, record: SessionRecord, keys: Record<string, Json>): Promise<void> {
  const { record: base } = (await store.find(record.id))!;
  const { d } = JSON.parse(base.payload) as { d: Record<string, Json> };
  const change = { payload: payload({ ...d, ...keys }), writes: [...base.writes, `write-${writes++}`] };
  const result = await store.update(next(base, change), base);
  if (result.status !== 'done') throw new Error(`It is ${result.status}.`);
}

describe('an order of succession', () => {
  it('has one leader, to which all others send their writes', async () => {
    await openSite();
    expect(leaders()).toHaveLength(1);
    const record = aRecord({ userId: 'user-1' });
    expect(await stores[2].create(record)).toMatchObject({ status: 'done' });
    for (const store of stores) await write(store, record, { [`by${stores.indexOf(store)}`]: 1 });
    for (const store of stores) expect(await contentOf(store, record.id)).toMatchObject({ by0: 1, by1: 1, by2: 1 });
    expect(await stores[1].raiseEpoch('user-1')).toBe(1);
    for (const store of stores) expect(await store.epochOf('user-1')).toBe(1);
    expect(await stores[0].destroy(record.id)).toEqual({ status: 'done' });
    for (const store of stores) expect(await store.find(record.id)).toBeUndefined();
  });

  it('hands over at once when the leader leaves in good order', async () => {
    await openSite(3, { timings: { lease: 10_000, failover: 60_000 } });
    const leader = stores.findIndex(({ leader }, i) => leader === `web${i + 1}`);
    const record = aRecord();
    await stores[leader].create(record);
    await stores[leader].close();
    const rest = stores.filter((_, i) => i !== leader);
    const begun = performance.now();
    await write(rest[0], record, { later: 1 });
    // Its lease would have lasted longer.
    expect(performance.now() - begun).toBeLessThan(5_000);
    expect(leaders(rest)).toEqual([rest[0].leader]);
    stores = rest;
  });

  it('gives the lead to the first again, if so told, and else leaves it where it is', async () => {
    for (const takesBack of [true, false]) {
      await openSite(3, { direction: { oneWay: ORDER, takesBack } });
      const first = stores[0];
      await first.close();
      await untilLed('web2', stores.slice(1));
      stores[0] = await SyncSessionStore.open(settings[0]);
      const record = aRecord();
      await stores[0].create(record);
      await untilLed(takesBack ? 'web1' : 'web2');
      await write(stores[2], record, { after: 1 });
      expect(await contentOf(stores[0], record.id)).toMatchObject({ after: 1 });
      await Promise.all(stores.map((store) => store.close()));
      for (const proxy of network.flat()) proxy?.close();
    }
  });

  it('follows servers that a DNS name lists: those of the order vote', async () => {
    const [port] = await freePorts(1);
    const lookup = async () => ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4'];
    const options = (n: number): SyncOptions => ({
      ...site([port])[0],
      serverName: `web${n}`,
      listen: { host: `127.0.0.${n}`, port },
      peers: ['web'],
      lookup,
      direction: { oneWay: ORDER },
    });
    stores = await Promise.all([1, 2, 3, 4].map((n) => SyncSessionStore.open(options(n))));
    await untilLed();
    const record = aRecord();
    await stores[3].create(record);
    // Two of four servers, and of the order one: no majority of it.
    await Promise.all([stores[0], stores[1]].map((store) => store.close()));
    await expect(stores[3].create(aRecord())).rejects.toThrow('No server leads');
    expect(await stores[3].find(record.id)).toBeDefined();
    stores = stores.slice(2);
  });
});

describe('a follower', () => {
  it('that comes back while a logout is on its way hears of it before it reads', async () => {
    await openSite();
    const at = Number(leaders()[0]!.slice(3)) - 1;
    const [back, other] = others(at);
    const record = aRecord();
    await stores[at].create(record);
    for (const way of [network[at][back]!, network[back][at]!]) way.cut();
    await until('the two have lost each other', () =>
      stores[at].stats().peers.some(({ name, state }) => name === `web${back + 1}` && state !== 'up'),
    );
    network[at][other]!.delay = 150;
    const logout = stores[at].destroy(record.id);
    for (const way of [network[at][back]!, network[back][at]!]) way.heal();
    expect(await logout).toEqual({ status: 'done' });
    const found = await stores[back].find(record.id).catch((error: Error) => error);
    if (found !== undefined) expect(found).toBeInstanceOf(StoreUnavailableError);
  });

  it('that has just started takes what the leader writes, and sends it its own writes', async () => {
    await openSite(3, { timings: { lease: 8000, failover: 20_000 } });
    const at = Number(leaders()[0]!.slice(3)) - 1;
    const [again] = others(at);
    await stores[again].close();
    stores[again] = await SyncSessionStore.open(settings[again]);
    // Its promises begin only a lease after its start.
    const begun = performance.now();
    const record = aRecord();
    await stores[again].create(record);
    await stores[at].destroy(record.id);
    expect(await stores[again].find(record.id)).toBeUndefined();
    expect(performance.now() - begun).toBeLessThan(5000);
  });
});

describe('a leader that is cut off', () => {
  it('acknowledges nothing more, and takes back what only it has', async () => {
    await openSite(3, { direction: { oneWay: ORDER, takesBack: false } });
    const at = Number(leaders()[0]!.slice(3)) - 1;
    const [old, rest] = [stores[at], others(at).map((i) => stores[i])];
    const [record, untouched] = [aRecord(), aRecord()];
    for (const each of [record, untouched]) await old.create(each);
    cut(at);
    // It does not know yet. Its clock is ahead of that of its successor: its stamps are later all the same.
    const lonely = [record, untouched].map((each) => write(old, each, { same: 'old', lonely: 1 }));
    for (const each of lonely) await expect(each).rejects.toThrow(StoreUnavailableError);
    // What it may have to take back it shows nobody.
    await expect(old.find(record.id)).rejects.toThrow(StoreUnavailableError);
    await write(rest[0], record, { same: 'new' });
    expect(rest[0].leader).toBe(rest[1].leader);
    expect(rest[0].leader).not.toBe(`web${at + 1}`);
    const created = aRecord();
    await rest[1].create(created);
    await rest[1].destroy(untouched.id);
    await until('it leads no more', () => old.leader === undefined);
    await expect(old.create(aRecord())).rejects.toThrow('No server leads');
    await heal(at);
    for (const store of stores) {
      expect(await contentOf(store, record.id)).toEqual({ cart: { apple: 1 }, same: 'new' });
      expect(await store.find(untouched.id)).toBeUndefined();
      expect(await store.find(created.id)).toBeDefined();
    }
    // Clocks and leaders change, and the later write wins.
    await write(old, record, { same: 'last' });
    for (const store of stores) expect(await contentOf(store, record.id)).toMatchObject({ same: 'last' });
  });

  it('confirms what was doubtful when the others are back before its lease is over', async () => {
    await openSite(3, { timings: { lease: 6000, ackWithin: 200, deadAfter: 300 } });
    const at = Number(leaders()[0]!.slice(3)) - 1;
    const record = aRecord();
    await stores[at].create(record);
    cut(at);
    await expect(write(stores[at], record, { doubtful: 1 })).rejects.toThrow('no majority');
    await expect(stores[at].find(record.id)).rejects.toThrow(StoreUnavailableError);
    await heal(at);
    for (const store of stores) expect(await contentOf(store, record.id)).toMatchObject({ doubtful: 1 });
  });
});
