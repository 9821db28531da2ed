// A server that comes back, with or without what it knew: nothing that was acknowledged is undone.
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { aRecord } from '../../testing/a-record.js';
import type { SyncEvent, SyncOptions } from './options.js';
import { SyncSessionStore } from './sync-session-store.js';
import { Proxy } from './testing/proxy.js';
import { freePorts, site } from './testing/site.js';
import { until } from './testing/until.js';

jest.setTimeout(60_000);

let stores: SyncSessionStore[] = [];
let proxies: Proxy[] = [];
let folder: string;

async function open(options: SyncOptions): Promise<SyncSessionStore> {
  const store = await SyncSessionStore.open(options);
  stores.push(store);
  return store;
}

async function proxyTo(port: number): Promise<Proxy> {
  const proxy = await Proxy.to(port);
  proxies.push(proxy);
  return proxy;
}

const via = (proxy: Proxy) => [`127.0.0.1:${proxy.port}`];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'roam-restart-'));
});

afterEach(async () => {
  await Promise.all(stores.map((store) => store.close()));
  for (const proxy of proxies) proxy.close();
  [stores, proxies] = [[], []];
  await rm(folder, { recursive: true });
});

describe('an end of all sessions', () => {
  it('counts also when its server has forgotten those that it took before', async () => {
    const [first, second] = site(await freePorts(2), { timings: { aloneAfter: 100 } });
    const proxy = await proxyTo(second.listen.port);
    const [before, other] = await Promise.all([open({ ...first, peers: via(proxy) }), open(second)]);
    await before.raiseEpoch('user-1');
    expect(await other.epochOf('user-1')).toBe(1);
    await before.close();
    proxy.cut();
    const again = await open({ ...first, peers: via(proxy) });
    await again.raiseEpoch('user-1');
    proxy.heal();
    await until('they hold the same', () =>
      [again, other].every((store) => store.isReady && store.stats().digest === again.stats().digest),
    );
    for (const store of [again, other]) expect(await store.epochOf('user-1')).toBe(2);
  });
});

describe('a snapshot', () => {
  const siteOf = async (count: number) =>
    site(await freePorts(count), { timings: { aloneAfter: 100, joinWithin: 20_000 } }).map((each) => ({
      ...each,
      snapshotFile: join(folder, each.serverName),
    }));

  const openAll = async (settings: SyncOptions[]) => {
    const opened = await Promise.all(settings.map(open));
    await until('they have met', () => opened.every((store) => store.stats().peers.every(({ current }) => current)));
    return opened;
  };

  it('brings back nothing that ended after its server had left, whoever starts first', async () => {
    const settings = await siteOf(2);
    const [early, late] = await openAll(settings);
    const [ended, live] = [aRecord(), aRecord()];
    for (const record of [ended, live]) await early.create(record);
    await early.close();
    await late.destroy(ended.id);
    await late.close();

    let isOpen = false;
    const first = open(settings[0]).then((store) => ((isOpen = true), store));
    await sleep(500);
    expect(isOpen).toBe(false);
    for (const store of await Promise.all([first, open(settings[1])])) {
      expect(await store.find(ended.id)).toBeUndefined();
      expect((await store.find(live.id))?.record).toEqual(live);
    }
  });

  it('counts for its ends only, where none of those comes who served on', async () => {
    const settings = await siteOf(2);
    const [early, late] = await openAll(settings);
    const [ended, live] = [aRecord({ userId: 'user-1' }), aRecord({ userId: 'user-1' })];
    for (const record of [ended, live]) await early.create(record);
    await early.destroy(ended.id);
    await early.raiseEpoch('user-1');
    await early.close();
    await late.close();

    const events: SyncEvent[] = [];
    const timings = { aloneAfter: 100, joinWithin: 1000 };
    const alone = await open({ ...settings[0], timings, onEvent: (event) => events.push(event) });
    expect(alone.stats()).toMatchObject({ sessions: 0, tombstones: 1, epochs: 1 });
    expect(alone.isEntombed(ended.id)).toBe(true);
    expect(events).toContainEqual(expect.objectContaining({ type: 'snapshot-refused' }));
  });

  it('of the last to leave counts without the others, and those of servers that stop at once together', async () => {
    const settings = await siteOf(2);
    const live = aRecord();
    const [early, late] = await openAll(settings);
    await early.create(live);
    await early.close();
    await until('it is alone', () => late.stats().peers.every(({ state }) => state !== 'up'));
    await late.close();
    const alone = await open(settings[1]);
    expect((await alone.find(live.id))?.record).toEqual(live);

    const both = [alone, await open(settings[0])];
    await until('they have met', () => both.every((store) => store.stats().peers.every(({ current }) => current)));
    await Promise.all(both.map((store) => store.close()));
    for (const store of await openAll(settings)) expect((await store.find(live.id))?.record).toEqual(live);
  });
});
