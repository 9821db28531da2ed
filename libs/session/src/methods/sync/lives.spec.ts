// Open streams of a server of `sync`: told of ends from its own copies, and of what is not held here by the peers.
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { StoreUnavailableError } from '../../core/errors.js';
import { createReplica, endReplica } from '../../replica/replica.js';
import type { SessionRecord } from '../../port/records.js';
import { aRecord } from '../../testing/a-record.js';
import { Copies } from './copies.js';
import { SyncLives } from './lives.js';
import { Counters } from './options.js';
import type { SyncServer } from './sync-server.js';
import { SyncSessionStore } from './sync-session-store.js';
import { freePorts, patient, site } from './testing/site.js';
import { until } from './testing/until.js';

jest.setTimeout(60_000);

let stores: SyncSessionStore[] = [];
afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.close()));
});

const records = (count: number, more: Partial<SessionRecord> = {}) =>
  Array.from({ length: count }, () => aRecord(more));
const idsOf = (all: readonly SessionRecord[]) => all.map(({ id }) => id);
const insideOf = (store: SyncSessionStore) => (store as unknown as { server: SyncServer }).server;

describe('two servers', () => {
  async function openBoth(): Promise<SyncSessionStore[]> {
    stores = await Promise.all(
      site(await freePorts(2), { timings: patient }).map((each) => SyncSessionStore.open(each)),
    );
    await until('they know each other', () => stores.every(({ isReady }) => isReady));
    return stores;
  }

  it('tell of 500 sessions without a question to a peer, and of an end as soon as it is acknowledged', async () => {
    const [here, there] = await openBoth();
    const all = records(500, { userId: 'one' });
    for (const record of all) await there.create(record);
    const before = here.stats().counters.fetches;
    const lives = await here.livesOf(idsOf(all));
    expect([...lives.values()].filter((life) => life?.userEpoch === 0)).toHaveLength(500);
    await there.destroy(all[7].id);
    const later = await here.livesOf(idsOf(all));
    expect([...later].filter(([, life]) => !life)).toEqual([[all[7].id, undefined]]);
    const epoch = await there.raiseEpoch('one');
    const last = await here.livesOf(idsOf(all));
    expect([...last.values()].filter((life) => life?.userEpoch === epoch)).toHaveLength(499);
    expect(here.stats().counters.fetches).toBe(before);
  });

  it('ask each other only for what is not held, once', async () => {
    const [here, there] = await openBoth();
    const all = records(20);
    for (const record of all) await there.create(record);
    await there.destroy(all[0].id);
    insideOf(here).copies.forgetSessions();
    const before = here.stats().counters.fetches;
    await until('all are told of', async () => (await here.livesOf(idsOf(all))).size === 20);
    const lives = await here.livesOf(idsOf(all));
    expect([...lives].filter(([, life]) => !life)).toEqual([[all[0].id, undefined]]);
    // The tombstone was kept.
    expect(here.stats().counters.fetches - before).toBe(19);
  });
});

describe('a server', () => {
  function make() {
    const copies = new Copies('web1', { maxSessions: 1000, maxBytes: 2 ** 24 }, new Counters(), Date.now);
    const open = new Set<string>();
    const locate = jest.fn<SyncServer['reader']['locate']>();
    const caughtUp = jest.fn(async () => undefined);
    const succession = { confirmation: { isOpen: (key: string) => open.has(key) } };
    const lives = new SyncLives({ copies, reader: { locate }, succession, caughtUp } as unknown as SyncServer);
    const held = (record = aRecord()) => {
      copies.put(createReplica(record, copies.clock.tick()), false);
      return record.id;
    };
    const end = (id: string) => copies.put(endReplica(copies.session(id)!, copies.clock.tick()), false);
    const told = async (...ids: string[]) =>
      Object.fromEntries([...(await lives.livesOf(ids))].map(([id, life]) => [id, life ? 'lives' : 'ended']));
    return { copies, open, locate, caughtUp, lives, held, end, told };
  }

  it('tells the ends of others while one session cannot be told of, and asks for that one once at a time', async () => {
    const { locate, held, end, told } = make();
    const [ended, live, away] = [held(), held(), aRecord().id];
    end(ended);
    let answer!: () => void;
    locate.mockImplementation(() => new Promise((resolve) => (answer = () => resolve(undefined))));
    const expected = { [ended]: 'ended', [live]: 'lives' };
    for (let i = 0; i < 3; i++) expect(await told(ended, live, away)).toEqual(expected);
    expect(locate).toHaveBeenCalledTimes(1);
    answer();
    expect(await told(ended, live, away)).toEqual({ ...expected, [away]: 'ended' });
    locate.mockRejectedValue(new StoreUnavailableError('on purpose'));
    expect(await told(live, aRecord().id)).toEqual({ [live]: 'lives' });
  });

  it('asks for no more than 32 at once, and for the others in turn', async () => {
    const { copies, locate, told, lives } = make();
    const away = records(100);
    let [now, most] = [0, 0];
    locate.mockImplementation(async (id) => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 5));
      now--;
      copies.put(
        createReplica(
          away.find((record) => record.id === id)!,
          copies.clock.tick(),
        ),
        true,
      );
      return copies.session(id);
    });
    await until('all are told of', async () => (await lives.livesOf(idsOf(away))).size === 100);
    expect([most, locate.mock.calls.length]).toEqual([32, 100]);
    expect(new Set(Object.values(await told(...idsOf(away))))).toEqual(new Set(['lives']));
  });

  it('tells neither end nor life of what it may have to take back', async () => {
    const { open, held, end, told } = make();
    const [ended, users] = [held(), held(aRecord({ userId: 'one' }))];
    end(ended);
    open.add(ended).add('@one');
    expect(await told(ended, users)).toEqual({});
    open.clear();
    expect(await told(ended, users)).toEqual({ [ended]: 'ended', [users]: 'lives' });
  });

  it('that is behind tells nothing, and all when it has caught up', async () => {
    const { caughtUp, held, end, told } = make();
    const [ended, live] = [held(), held()];
    caughtUp.mockRejectedValueOnce(new StoreUnavailableError('on purpose'));
    await expect(told(ended, live)).rejects.toThrow(StoreUnavailableError);
    end(ended);
    expect(await told(ended, live)).toEqual({ [ended]: 'ended', [live]: 'lives' });
  });
});
