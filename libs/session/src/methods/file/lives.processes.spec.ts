// Open streams of servers that share mounts: what a look costs, when it tells an end, and what a hanging mount does.
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreUnavailableError } from '../../core/errors.js';
import { SessionManager } from '../../manager.js';
import type { SessionRecord } from '../../port/records.js';
import { aRecord, next } from '../../testing/a-record.js';
import { FileSessionStore } from './file-session-store.js';
import { inBatches } from './in-batches.js';
import type { Mount } from './mount.js';

jest.setTimeout(60_000);

const secrets = ['the tests sign their files with this secret'];
let root: string;
const stores: FileSessionStore[] = [];
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'roam-lives-'));
});
afterEach(async () => {
  for (const stop of stops.splice(0)) stop();
  await Promise.all(stores.splice(0).map((store) => store.close()));
  await rm(root, { recursive: true, force: true });
});
const stops: (() => void)[] = [];

async function open(dirs: readonly string[], deadlineMs = 5000): Promise<FileSessionStore> {
  const store = await FileSessionStore.open({ dirs, serverName: `web${stores.length + 1}`, secrets, deadlineMs });
  stores.push(store);
  return store;
}
const newDirs = (count: number) =>
  Promise.all(Array.from({ length: count }, (_, i) => mkdtemp(join(root, `mount${i}-`))));

async function create(store: FileSessionStore, count: number, more: Partial<SessionRecord> = {}): Promise<string[]> {
  const records = Array.from({ length: count }, () => aRecord(more));
  await inBatches(records, 16, (record) => store.create(record));
  return records.map(({ id }) => id);
}

const mountsOf = (store: FileSessionStore) =>
  (store as unknown as { documents: { mounts: { all: Mount[] } } }).documents.mounts.all;

/** Counts what the store asks of its mounts: `operation kind`, each as often as it was asked. */
function counted(store: FileSessionStore): string[] {
  const asked: string[] = [];
  for (const mount of mountsOf(store)) {
    const call = mount.call.bind(mount);
    mount.call = (operation, ...args) => {
      const [key] = args as [{ kind?: string }?];
      asked.push(`${operation} ${key?.kind}`);
      return call(operation, ...args);
    };
  }
  return asked;
}

/** Asks until all can be told of: the first look-ups take their time, and a busy machine may miss a deadline. */
async function allLives(store: FileSessionStore, ids: readonly string[]) {
  for (;;) {
    const lives = await store.livesOf(ids).catch(orUnavailable);
    if (lives?.size === ids.length) return lives;
    await sleep(10);
  }
}
function orUnavailable(error: unknown): undefined {
  if (!(error instanceof StoreUnavailableError)) throw error;
}

const endedIn = (lives: Awaited<ReturnType<FileSessionStore['livesOf']>>) =>
  [...lives].filter(([, life]) => !life).map(([id]) => id);

/** Streams of this server on these sessions; returns the ids of those that were ended. */
function watch(store: FileSessionStore, ids: readonly string[]): string[] {
  const manager = new SessionManager({ store, secrets: ['s'.repeat(32)], secure: false });
  const ended: string[] = [];
  const hasEnded = () => Promise.reject(new Error('A store that tells of all is not asked for one.'));
  for (const id of ids) stops.push(manager.ends.add({ id, hasEnded, onEnd: () => void ended.push(id) }));
  return ended;
}

describe.each([1, 2])('on %i mount(s)', (mounts) => {
  it('a look at 500 sessions reads one document of each mount, and tells an end as soon as it is acknowledged', async () => {
    const dirs = await newDirs(mounts);
    const [here, there] = [await open(dirs), await open(dirs)];
    const ids = [...(await create(there, 498)), ...(await create(there, 2, { userId: 'one' }))];
    await there.destroy((await create(there, 1))[0]);
    await allLives(here, ids);
    const asked = counted(here);
    expect(endedIn(await here.livesOf(ids))).toEqual([]);
    expect(asked.splice(0)).toEqual(Array(mounts).fill('read ends'));
    await there.destroy(ids[7]);
    expect(endedIn(await here.livesOf(ids))).toEqual([ids[7]]);
    expect(new Set(asked)).toEqual(new Set(['read ends', 'read sessions']));
    expect(asked.length).toBeLessThan(5 * mounts);
    const epoch = await there.raiseEpoch('one');
    const lives = await here.livesOf(ids);
    expect([...lives.values()].filter((life) => life?.userEpoch === epoch)).toHaveLength(2);
  });

  it('an end costs one more read and write, and many ends at once hardly more than one', async () => {
    const store = await open(await newDirs(mounts));
    const ids = await create(store, 41);
    await store.destroy(ids.pop()!);
    const asked = counted(store);
    await store.destroy(ids.pop()!);
    const expected = ['put ends', 'put sessions', 'read ends', 'read sessions'];
    expect(asked.splice(0).sort()).toEqual(expected.flatMap((each) => Array<string>(mounts).fill(each)));
    await Promise.all(ids.map((id) => store.destroy(id)));
    expect(asked.filter((each) => each === 'put sessions')).toHaveLength(39 * mounts);
    expect(asked.filter((each) => each === 'put ends').length).toBeLessThanOrEqual(5 * mounts);
  });

  it('tells an end that a change has brought forward, and a user whom a session has got since', async () => {
    const dirs = await newDirs(mounts);
    const [here, there] = [await open(dirs), await open(dirs)];
    const record = aRecord();
    await there.create(record);
    await allLives(here, [record.id]);
    const endsAt = Date.now() + 60_000;
    const sooner = next(record, { payload: `{"v":1,"r":0,"e":${endsAt},"m":60000,"d":{}}` });
    await there.update(sooner, record);
    expect((await here.livesOf([record.id])).get(record.id)!.record.payload).toContain(`"e":${endsAt}`);
    const other = aRecord();
    await there.create(other);
    await allLives(here, [other.id]);
    await there.update(next(other, { userId: 'one' }), other);
    await there.raiseEpoch('one');
    const life = (await here.livesOf([other.id])).get(other.id)!;
    expect([life.record.userId, life.userEpoch]).toEqual(['one', 1]);
  });

  it('works on a folder that an earlier release has made, and its sweep and comparison too', async () => {
    const dirs = await newDirs(mounts);
    const earlier = await open(dirs);
    const ids = await create(earlier, 3);
    await earlier.close();
    for (const dir of dirs) await rm(join(dir, 'ends'), { recursive: true });
    const store = await open(dirs);
    expect(endedIn(await allLives(store, ids))).toEqual([]);
    await store.destroy(ids[0]);
    expect(endedIn(await store.livesOf(ids))).toEqual([ids[0]]);
    expect([await store.sweep(0, 10), await store.compare()]).toEqual([0, 0]);
    for (const dir of dirs) expect(await readdir(join(dir, 'ends'))).toHaveLength(1);
  });
});

describe('a mount that hangs', () => {
  /** Stops the helper process of a store's last mount. */
  const freeze = (store: FileSessionStore) => {
    const helper = (mountsOf(store).at(-1) as unknown as { helper: ChildProcess }).helper;
    helper.kill('SIGSTOP');
  };

  it('is a fault at the deadline, ends no stream, and what ended meanwhile is told when it answers again', async () => {
    const [dir] = await newDirs(1);
    const there = await open([dir]);
    const here = await open([dir], 3000);
    const ids = await create(there, 20);
    await allLives(here, ids);
    const ended = watch(here, ids);
    freeze(here);
    await expect(here.livesOf(ids)).rejects.toThrow(StoreUnavailableError);
    await there.destroy(ids[4]);
    while (ended.length === 0) await sleep(20);
    expect(ended).toEqual([ids[4]]);
    expect(endedIn(await allLives(here, ids))).toEqual([ids[4]]);
  });

  it('holds up no look while another mount answers', async () => {
    const dirs = await newDirs(2);
    const there = await open(dirs);
    const here = await open(dirs, 3000);
    const ids = await create(there, 20);
    await allLives(here, ids);
    const ended = watch(here, ids);
    freeze(here);
    await there.destroy(ids[4]);
    while (ended.length === 0) await sleep(20);
    expect(ended).toEqual([ids[4]]);
  });
});
