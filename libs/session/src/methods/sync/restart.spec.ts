// A server that comes back, with or without what it knew: nothing that was acknowledged is undone.
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SessionManager } from '../../manager.js';
import { aRecord } from '../../testing/a-record.js';
import { Visitor } from '../../testing/visitor.js';
import { CookieSessions } from '../cookie/cookie-sessions.js';
import { SyncRevocationList } from '../cookie/revocation/sync-revocation-list.js';
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

  it('of every server leaves no ended, replaced or epoch-old token good (CVE-2026-9802)', async () => {
    let now = Date.now();
    const events: string[] = [];
    const managerOf = (store: SyncSessionStore) =>
      new SessionManager({
        store,
        secrets: ['s'.repeat(32)],
        secure: false,
        now: () => now,
        onEvent: ({ type }) => void events.push(type),
      });
    const settings = await siteOf(2);
    const before = await openAll(settings);
    const [web1, web2] = before.map(managerOf);
    const [signedOut, renewed, endedByAll, stays] = ['ann', 'ben', 'cat', 'dan'].map(() => new Visitor());
    await signedOut.logIn(web1, 'ann');
    await renewed.logIn(web1, 'ben');
    await endedByAll.logIn(web2, 'cat');
    await stays.logIn(web2, 'dan');
    const copies = [signedOut, renewed, endedByAll].map((visitor) => visitor.copy());
    now += 20 * 60_000;
    const first = renewed.token;
    await renewed.see(web2);
    expect(renewed.token).not.toBe(first);
    await renewed.see(web1);
    await signedOut.visit(web2, (session) => session.destroy());
    await web1.users.endAll('cat');
    // The grace of the replaced token ends.
    now += 60_000;
    await stays.see(web1);
    for (const each of [web1, web2]) await each.settled();
    await Promise.all(before.map((store) => store.close()));

    for (const server of (await openAll(settings)).map(managerOf)) {
      expect(await stays.copy().see(server)).toMatchObject({ user: 'dan' });
      for (const copy of copies) expect(await copy.copy().see(server)).toBeUndefined();
    }
    expect(events).toContain('theft');
  });

  it('of every server leaves no sealed session good that was signed out (CVE-2026-9802)', async () => {
    const cookiesOn = (store: SyncSessionStore) =>
      new CookieSessions({
        secrets: ['k'.repeat(32)],
        audience: 'https://roam.example',
        revocations: new SyncRevocationList(store),
        lifetimeMs: 30 * 24 * 3_600_000,
      });
    const settings = await siteOf(2);
    const before = await openAll(settings);
    const [signedOut, live] = [aRecord(), aRecord()];
    await cookiesOn(before[0]).destroy(signedOut.id);
    await cookiesOn(before[1]).raiseEpoch('user-1');
    await Promise.all(before.map((store) => store.close()));

    for (const cookies of (await openAll(settings)).map(cookiesOn)) {
      expect(await cookies.admit(live)).toBeDefined();
      expect(await cookies.admit(signedOut)).toBeUndefined();
      expect((await cookies.admit(aRecord({ userId: 'user-1' })))?.userEpoch).toBe(1);
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
