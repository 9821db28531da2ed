// Servers that cannot reach each other go on, and agree when they can: nothing lost, nothing revived.
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreUnavailableError } from '../../core/errors.js';
import type { Json, SessionRecord } from '../../port/records.js';
import type { SessionStore } from '../../port/store.js';
import { aRecord, next, payload } from '../../testing/a-record.js';
import type { SyncEvent, SyncOptions } from './options.js';
import { SyncSessionStore } from './sync-session-store.js';
import { Proxy } from './testing/proxy.js';
import { freePorts, patient, site } from './testing/site.js';
import { until } from './testing/until.js';

jest.setTimeout(60_000);

const MINUTE = 60_000;

let stores: SyncSessionStore[] = [];
/** `network[i][j]` carries what server i says to server j. */
let network: (Proxy | undefined)[][] = [];

/** Servers with a network between them; the clock of each is five minutes ahead of the one before. */
async function openSite(count: number, more: Partial<SyncOptions> = {}): Promise<void> {
  const ports = await freePorts(count);
  network = await Promise.all(
    ports.map((_, i) => Promise.all(ports.map(async (port, j) => (i === j ? undefined : Proxy.to(port))))),
  );
  stores = await Promise.all(
    site(ports).map((settings, i) =>
      SyncSessionStore.open({
        ...settings,
        peers: network[i].flatMap((proxy) => (proxy ? `127.0.0.1:${proxy.port}` : [])),
        now: () => Date.now() + (i - 1) * 5 * MINUTE,
        ...more,
      }),
    ),
  );
}

afterEach(async () => {
  await Promise.all(stores.map((store) => store.close()));
  stores = [];
  for (const proxy of network.flat()) proxy?.close();
});

const between = (ones: number[], others: number[]) => [
  ...ones.flatMap((i) => others.map((j) => network[i][j]!)),
  ...others.flatMap((j) => ones.map((i) => network[j][i]!)),
];

async function partition(ones: number[], others: number[]): Promise<void> {
  for (const proxy of between(ones, others)) proxy.cut();
  const reaches = (i: number) => stores[i].stats().peers.filter(({ state }) => state === 'up').length;
  await until('the servers notice', () =>
    [ones, others].every((side) => side.every((i) => reaches(i) === side.length - 1)),
  );
}

async function heal(ones: number[], others: number[]): Promise<void> {
  for (const proxy of between(ones, others)) proxy.heal();
  await until('the servers hold the same', () => {
    const digests = stores.map((store) => store.stats().digest);
    return (
      stores.every((store) => store.isReady && store.stats().peers.every(({ current }) => current)) &&
      new Set(digests).size === 1
    );
  });
}

/**
 * A server that finds that this process stood still has to catch up first, and with the other side of a partition it
 * cannot: for a second it tells whoever reads to come again.
 */
async function awake<T>(read: () => Promise<T>): Promise<T> {
  const end = performance.now() + 5000;
  for (;;) {
    try {
      return await read();
    } catch (error) {
      const isStartled = error instanceof StoreUnavailableError && error.message.includes('has to catch up first');
      if (!isStartled || performance.now() > end) throw error;
    }
  }
}

const contentOf = async (store: SessionStore, id: string, mark?: string) => {
  const found = await awake(() => store.find(id, mark));
  return found && (JSON.parse(found.record.payload) as { d: Record<string, Json> }).d;
};

let writes = 0;
async function write(store: SessionStore, record: SessionRecord, keys: Record<string, Json>): Promise<string> {
  const { record: base } = (await awake(() => store.find(record.id)))!;
  const { d } = JSON.parse(base.payload) as { d: Record<string, Json> };
  const result = await store.update(
    next(base, { payload: payload({ ...d, ...keys }), writes: [...base.writes, `write-${writes++}`] }),
    base,
  );
  if (result.status !== 'done') throw new Error(`It is ${result.status}.`);
  return result.mark!;
}

describe('a slow network', () => {
  it('delays a logout until every server knows it, a write only until enough do', async () => {
    const { deadAfter, ackWithin, read } = patient;
    const lost: SyncEvent[] = [];
    const onEvent = (event: SyncEvent) => event.type === 'peer-down' && lost.push(event);
    await openSite(3, { timings: { deadAfter, ackWithin, read }, onEvent });
    const record = aRecord({ userId: 'user-1' });
    await stores[0].create(record);
    network[0][2]!.delay = 150;
    const start = performance.now();
    await write(stores[0], record, { quick: true });
    const quick = performance.now() - start;
    await stores[0].raiseEpoch('user-1');
    expect(await stores[2].epochOf('user-1')).toBe(1);
    await stores[0].destroy(record.id);
    expect(await stores[2].find(record.id)).toBeUndefined();
    expect(lost).toEqual([]);
    expect(performance.now() - start - quick).toBeGreaterThan(300);
  });
});

describe('a partition', () => {
  it('heals with one winner per key, nothing lost that one side wrote, no logout undone', async () => {
    await openSite(3);
    const records = Array.from({ length: 40 }, (_, i) => aRecord({ userId: `user-${i % 4}` }));
    for (const record of records) await stores[0].create(record);
    await partition([0], [1, 2]);
    const healAt = performance.now() + 10_000;

    const created = [aRecord(), aRecord()];
    await stores[0].create(created[0]);
    await stores[2].create(created[1]);
    for (const [i, record] of records.entries()) {
      await write(stores[0], record, { same: 'left', left: i });
      await write(stores[1 + (i % 2)], record, { same: 'right', right: i });
      // Who has read a value overwrites it, whatever the clocks say.
      if (i % 2) await write(stores[2 - (i % 2)], record, { same: 'right again' });
    }
    const ended = records.slice(0, 8);
    for (const [i, { id }] of ended.entries()) await stores[i % 2 ? 0 : 2].destroy(id);
    await stores[0].raiseEpoch('user-1');
    await stores[1].raiseEpoch('user-1');
    for (const { id } of ended.slice(4)) for (const store of stores) await store.touch(id, Date.now() + 60 * MINUTE);
    // Both sides serve, each what it has.
    expect(await contentOf(stores[0], records[9].id)).toMatchObject({ same: 'left' });
    expect(await contentOf(stores[1], records[10].id)).toMatchObject({ same: 'right' });
    // Both sides write on for as long as it lasts, each what the other does not see.
    const busy = records.slice(20, 24);
    let rounds = 0;
    for (; performance.now() < healAt; rounds++) {
      for (const record of busy) {
        await write(stores[0], record, { [`left${rounds % 5}`]: rounds });
        await write(stores[1 + (rounds % 2)], record, { [`right${rounds % 5}`]: rounds });
      }
      await sleep(50);
    }
    await heal([0], [1, 2]);

    const late = Array.from({ length: 5 }, (_, i) => rounds - 5 + i);
    const lastRounds = Object.fromEntries(late.flatMap((n) => ['left', 'right'].map((side) => [`${side}${n % 5}`, n])));
    for (const { id } of busy) for (const store of stores) expect(await contentOf(store, id)).toMatchObject(lastRounds);
    for (const { id } of ended) for (const store of stores) expect(await store.find(id)).toBeUndefined();
    for (const [i, { id }] of records.entries()) {
      if (i < ended.length) continue;
      const seen = await Promise.all(stores.map((store) => contentOf(store, id)));
      expect(seen[0]).toMatchObject({ left: i, right: i, cart: { apple: 1 } });
      expect(['left', i % 2 ? 'right again' : 'right']).toContain(seen[0]!.same);
      expect(seen).toEqual([seen[0], seen[0], seen[0]]);
    }
    for (const { id } of created) for (const store of stores) expect(await store.find(id)).toBeDefined();
    // Sessions that began between the two "end all" end with the later one.
    for (const store of stores) expect(await store.epochOf('user-1')).toBe(2);
  });

  it('never makes a fault look like "no session", nor shows an older one than was seen', async () => {
    await openSite(3);
    const record = aRecord();
    await stores[1].create(record);
    await partition([0], [1, 2]);
    const mark = await write(stores[0], record, { seen: true });
    const lonely = aRecord();
    await stores[0].create(lonely);
    for (const store of stores.slice(1)) {
      await expect(store.find(record.id, mark)).rejects.toThrow(StoreUnavailableError);
      await expect(store.find(lonely.id)).rejects.toThrow(StoreUnavailableError);
      expect(await contentOf(store, record.id)).toEqual({ cart: { apple: 1 } });
      // What began before the partition and nobody has, is over.
      const old = aRecord({ id: `${'0'.repeat(31)}1` });
      expect(await awake(() => store.find(old.id))).toBeUndefined();
    }
    await heal([0], [1, 2]);
    for (const store of stores) expect(await contentOf(store, record.id, mark)).toMatchObject({ seen: true });
    for (const store of stores) expect(await store.find(lonely.id)).toBeDefined();
  });

  it('leaves no server with an ended session that it could not be told of, once it knows that it was cut off', async () => {
    const record = aRecord();
    const answers: Promise<unknown>[] = [];
    const onEvent = ({ type }: SyncEvent) => {
      if (type === 'peer-up' && stores[0]) answers.push(stores[0].find(record.id).catch((error: Error) => error));
    };
    await openSite(2, { onEvent });
    await stores[0].create(record);
    await partition([0], [1]);
    expect(await stores[1].destroy(record.id)).toEqual({ status: 'done' });
    expect(await awake(() => stores[0].find(record.id))).toBeDefined();
    answers.length = 0;
    for (const proxy of between([0], [1])) {
      proxy.heal();
      // Comparing takes its time.
      proxy.delay = 30;
    }
    await until('the links are back', () => answers.length >= 2);
    for (const found of await Promise.all(answers))
      if (found !== undefined) expect(found).toBeInstanceOf(StoreUnavailableError);
    await until('it has caught up', () => stores[0].isReady);
    expect(await stores[0].find(record.id)).toBeUndefined();
  });

  it('keeps a server that hears nobody at all from serving, until it has caught up', async () => {
    let hearsOthers = true;
    await openSite(3, { isCutOff: async () => !hearsOthers });
    const record = aRecord();
    await stores[0].create(record);
    for (const proxy of between([0], [1, 2])) proxy.cut();
    hearsOthers = false;
    // It knows nothing of the cut yet, and must not acknowledge what it alone would have.
    await expect(write(stores[0], record, { lonely: true })).rejects.toThrow(StoreUnavailableError);
    expect(stores[0].isCutOff).toBe(true);
    expect(stores[0].isReady).toBe(false);
    await expect(stores[0].find(record.id)).rejects.toThrow(StoreUnavailableError);
    // The smaller side alone: others, who hear each other, or somebody else, go on.
    expect(await stores[1].destroy(record.id)).toMatchObject({ status: 'done' });
    expect(stores[1].isCutOff).toBe(false);
    hearsOthers = true;
    for (const proxy of between([0], [1, 2])) proxy.heal();
    await until('it serves again', () => stores[0].isReady);
    expect(await stores[0].find(record.id)).toBeUndefined();
  });

  it('does not take a server for cut off whose peers have died', async () => {
    await openSite(2, { isCutOff: async () => true });
    const record = aRecord();
    await stores[0].create(record);
    await stores[1].close();
    for (const proxy of between([0], [1])) proxy.close();
    await write(stores[0], record, { last: true });
    expect(await contentOf(stores[0], record.id)).toMatchObject({ last: true });
  });

  it('makes a server ask its peers when the browser has seen more than it knows', async () => {
    await openSite(2, { acks: 0 });
    const record = aRecord();
    await stores[0].create(record);
    // Only what server 0 says to server 1 is lost, and not for long enough to be noticed.
    network[0][1]!.cut();
    const mark = await write(stores[0], record, { later: 1 });
    expect(await contentOf(stores[1], record.id, mark)).toMatchObject({ later: 1 });
    expect(stores[1].stats().counters.fetches).toBeGreaterThan(0);
  });

  it('refuses writes without a majority, if so told', async () => {
    await openSite(3, { acks: 'majority' });
    const record = aRecord();
    await stores[0].create(record);
    await partition([0], [1, 2]);
    await expect(write(stores[0], record, { a: 1 })).rejects.toThrow('no majority');
    await write(stores[1], record, { b: 1 });
    await heal([0], [1, 2]);
    expect(await contentOf(stores[0], record.id)).toMatchObject({ b: 1 });
  });
});
