// What goes wrong with mounts: a helper that hangs or dies, a mount that is gone or full, copies that differ.
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreUnavailableError } from '../../core/errors.js';
import type { SessionRecord } from '../../port/records.js';
import { aRecord, next, payload } from '../../testing/a-record.js';
import { keyOf } from './documents.js';
import { FileSessionStore, type FileSessionStoreOptions } from './file-session-store.js';
import { MirroredDocuments, type FileStoreEvent } from './mirrored-documents.js';
import { sealKeys } from './sealed-file.js';
import { best, patience } from '../../testing/patience.js';
import { newId } from '../../core/identity.js';

jest.setTimeout(120_000);

const secrets = ['the tests sign their files with this secret'];
/** Where something hangs, or nearly: all else must not fail because this machine stands still for a moment. */
const DEADLINE_MS = 700;
const PATIENT_MS = 5000;

let root: string;
let dirs: string[];
let events: FileStoreEvent[];
const stores: FileSessionStore[] = [];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'roam-faults-'));
  dirs = [join(root, 'a'), join(root, 'b')];
  for (const dir of dirs) await mkdir(dir);
  events = [];
});
afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.close()));
  await rm(root, { recursive: true, force: true });
});

async function open(options: Partial<FileSessionStoreOptions> = {}): Promise<FileSessionStore> {
  const onEvent = (event: FileStoreEvent) => events.push(event);
  const all = { dirs, serverName: `web${stores.length + 1}`, secrets, deadlineMs: PATIENT_MS, onEvent, ...options };
  const store = await FileSessionStore.open(all);
  stores.push(store);
  return store;
}

/** The helper processes of this one, in the order of their start. */
function helpers(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const parent = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')[1];
        return Number(parent) === process.pid && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('mount-process');
      } catch {
        return false;
      }
    })
    .sort((x, y) => x - y);
}

/** The process gets a processor for a part of the time only, but is never silent for long. */
function slowDown(helper: number): { stop(): void; longestGap: number } {
  let step = 0;
  let last = performance.now();
  const kill = (signal: 'SIGCONT' | 'SIGSTOP') => {
    slow.longestGap = Math.max(slow.longestGap, performance.now() - last);
    last = performance.now();
    try {
      process.kill(helper, signal);
    } catch {
      // It was silent for too long, and is no more.
    }
  };
  const timer = setInterval(() => kill(++step % 8 === 0 ? 'SIGCONT' : 'SIGSTOP'), 30);
  const slow = {
    /** Milliseconds between two signals, at most: it may have been silent for so much longer. */
    longestGap: 0,
    stop() {
      clearInterval(timer);
      kill('SIGCONT');
    },
  };
  return slow;
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(10);
}
const states = (store: FileSessionStore) => store.stats().mounts.map(({ state }) => state);
const allLive = (store: FileSessionStore) => () => states(store).every((state) => state === 'live');
const take = (dir: string) => rename(dir, `${dir}.away`);
const giveBack = async (dir: string) => {
  await rm(dir, { recursive: true, force: true });
  await rename(`${dir}.away`, dir);
};

describe('one mount', () => {
  beforeEach(() => void dirs.pop());

  it('that hangs is a fault at the deadline, keeps nobody from other work, and is used again', async () => {
    const store = await open({ deadlineMs: DEADLINE_MS });
    const record = aRecord();
    await store.create(record);
    const limit = 1000 * patience();
    const took = await best(limit, async () => {
      events = [];
      process.kill(helpers()[0], 'SIGSTOP');
      const start = Date.now();
      let ticks = 0;
      const ticking = setInterval(() => ticks++, 10);
      const outcomes = await Promise.allSettled(Array.from({ length: 50 }, () => store.find(record.id)));
      const took = Date.now() - start;
      clearInterval(ticking);
      expect(outcomes.map(({ status }) => status)).toEqual(Array(50).fill('rejected'));
      for (const outcome of outcomes)
        expect((outcome as PromiseRejectedResult).reason).toBeInstanceOf(StoreUnavailableError);
      // Out of reach is said at once.
      await expect(store.find(record.id)).rejects.toThrow(StoreUnavailableError);
      await until(allLive(store));
      expect((await store.find(record.id))?.record).toEqual(record);
      expect(events.map(({ type }) => type)).toEqual(['fenced', 'returned']);
      return ticks > 20 ? took : Infinity;
    });
    expect(took).toBeLessThan(limit);
  });

  it('that is slow, but answers, is not left out', async () => {
    for (let attempt = 1; ; attempt++) {
      const store = await open({ deadlineMs: DEADLINE_MS });
      const slow = slowDown(helpers().at(-1)!);
      let longest = 0;
      const isOver = () => longest >= DEADLINE_MS || events.length > 0;
      const write = async () => {
        while (!isOver()) {
          const start = performance.now();
          await store.create(aRecord()).then(
            () => (longest = Math.max(longest, performance.now() - start)),
            (error: unknown) => expect(error).toBeInstanceOf(StoreUnavailableError),
          );
        }
      };
      // More and more, until one has taken longer.
      const writing: Promise<void>[] = [];
      while (!isOver()) {
        writing.push(write());
        await sleep(30);
      }
      await Promise.all(writing);
      slow.stop();
      // Anew when this process stood still just when the helper did: then that one was silent indeed.
      if (slow.longestGap > 300 && attempt < 5) {
        await stores.pop()!.close();
        events = [];
        continue;
      }
      expect(states(store)).toEqual(['live']);
      expect(events).toEqual([]);
      return;
    }
  });

  it('goes on with a new helper when one dies', async () => {
    const store = await open();
    const record = aRecord();
    await store.create(record);
    process.kill(helpers()[0], 'SIGKILL');
    await until(() => states(store)[0] === 'fenced');
    await until(allLive(store));
    expect((await store.find(record.id))?.record).toEqual(record);
  });

  it('that is unmounted is a fault, never "no session"', async () => {
    const store = await open();
    const record = aRecord();
    await store.create(record);
    await take(dirs[0]);
    await mkdir(dirs[0]);
    await expect(store.find(record.id)).rejects.toThrow(StoreUnavailableError);
    await expect(store.create(aRecord())).rejects.toThrow(StoreUnavailableError);
    expect(await readdir(dirs[0])).toEqual([]);
    await giveBack(dirs[0]);
    expect((await store.find(record.id))?.record).toEqual(record);
  });

  it('loses no session to a damaged file but its own, and keeps that', async () => {
    const store = await open();
    const [record, other] = [aRecord(), aRecord()];
    for (const one of [record, other]) await store.create(one);
    await writeFile(fileOf(dirs[0], record.id), 'planted');
    expect(await store.find(record.id)).toBeUndefined();
    expect(await store.update(next(record), record)).toEqual({ status: 'gone' });
    expect((await store.find(other.id))?.record).toEqual(other);
    const [damaged] = events.filter((event) => event.type === 'damaged');
    expect(readFileSync(damaged.file, 'utf8')).toBe('planted');
    expect(store.stats().damaged).toBe(1);
  });

  it('of other secrets, or missing, is refused at the start', async () => {
    await open();
    await expect(open({ secrets: ['a secret of somebody else altogether'] })).rejects.toThrow('other secrets');
    await expect(open({ dirs: [join(root, 'missing')] })).rejects.toThrow('ENOENT');
    await expect(open({ dirs: [] })).rejects.toThrow('at least one folder');
    await expect(open({ secrets: ['short'] })).rejects.toThrow('shorter than 32');
    await expect(open({ dirs: [dirs[0], `${dirs[0]}/.`] })).rejects.toThrow('the same folder');
  });

  it('can become two, and one again, with nobody logged out', async () => {
    const alone = await open();
    const record = aRecord();
    await alone.create(record);
    const second = join(root, 'b');
    const both = await open({ dirs: [dirs[0], second] });
    expect((await both.find(record.id, '1'))?.record).toEqual(record);
    const later = next(record, { payload: payload({ cart: 'both' }) });
    const result = await both.update(later, record);
    for (const dir of [dirs[0], second]) {
      const one = await open({ dirs: [dir] });
      expect((await one.find(record.id, (result as { mark: string }).mark))?.record).toEqual(later);
    }
  });
});

describe('two mounts', () => {
  it('go on as one while the other hangs, and hold the same when it is back', async () => {
    const store = await open({ deadlineMs: DEADLINE_MS });
    const written: SessionRecord[] = [];
    const limit = 1400 * patience();
    const took = await best(limit, async () => {
      const record = aRecord();
      await store.create(record);
      process.kill(helpers()[0], 'SIGSTOP');
      const start = Date.now();
      const later = next(record, { payload: payload({ cart: 'later' }) });
      expect((await store.find(record.id))?.record).toEqual(record);
      expect((await store.update(later, record)).status).toBe('done');
      const took = Date.now() - start;
      written.push(later);
      await until(allLive(store));
      return took;
    });
    expect(took).toBeLessThan(limit);
    for (const dir of dirs) {
      const alone = await open({ dirs: [dir] });
      for (const later of written) expect((await alone.find(later.id))?.record).toEqual(later);
    }
  });

  it('are both back when the one that brings the other up to date hangs in the midst of it', async () => {
    const store = await open({ deadlineMs: 2000 });
    await take(dirs[0]);
    const records = Array.from({ length: 500 }, () => aRecord());
    for (const record of records) await store.create(record);
    await giveBack(dirs[0]);
    await until(() => states(store)[0] === 'returning');
    // The other's is the older one now.
    process.kill(helpers()[0], 'SIGSTOP');
    await until(() => states(store)[1] === 'fenced');
    expect(states(store)[0]).not.toBe('live');
    await until(allLive(store));
    const alone = await open({ dirs: [dirs[0]] });
    for (const record of records) expect((await alone.find(record.id))?.record).toEqual(record);
    expect(events.filter(({ type }) => type === 'fenced')).toHaveLength(2);
  });

  it('bring each other what one missed, logouts above all', async () => {
    const store = await open();
    const [live, ended, unseen] = [aRecord({ userId: 'user' }), aRecord(), aRecord()];
    for (const record of [live, ended]) await store.create(record);
    await take(dirs[0]);
    await store.create(unseen);
    await store.destroy(ended.id);
    const later = next(live, { payload: payload({ cart: 'later' }) });
    await store.update(later, live);
    expect(await store.raiseEpoch('user')).toBe(1);
    expect(states(store)).toEqual(['fenced', 'live']);
    await giveBack(dirs[0]);
    await until(allLive(store));
    const alone = await open({ dirs: [dirs[0]] });
    expect((await alone.find(live.id))?.record).toEqual(later);
    expect((await alone.find(unseen.id))?.record).toEqual(unseen);
    expect(await alone.find(ended.id)).toBeUndefined();
    expect(await alone.epochOf('user')).toBe(1);
    expect(await store.compare()).toBe(0);
  });

  it('give everything to one that missed more than is remembered, and lost what it had', async () => {
    const returned: FileStoreEvent[] = [];
    const documents = await MirroredDocuments.open({
      dirs,
      keys: sealKeys(secrets),
      deadlineMs: PATIENT_MS,
      compareMs: 3_600_000,
      maxMissed: 3,
      onEvent: (event) => event.type === 'returned' && returned.push(event),
    });
    const write = (userId: string) =>
      documents.change(keyOf('users', userId), () => ({ userId, epoch: 1, sessions: {} }));
    for (let i = 0; i < 5; i++) await write(`early ${i}`);
    await take(dirs[0]);
    for (let i = 0; i < 5; i++) await write(`late ${i}`);
    await rm(join(`${dirs[0]}.away`, 'users'), { recursive: true });
    await giveBack(dirs[0]);
    await until(() => returned.length > 0);
    expect(returned).toEqual([{ type: 'returned', dir: dirs[0], caughtUp: 13 }]);
    expect(await documents.compare()).toBe(0);
    documents.close();
    const alone = await open({ dirs: [dirs[0]] });
    for (const name of ['early', 'late'])
      for (let i = 0; i < 5; i++) expect(await alone.epochOf(`${name} ${i}`)).toBe(1);
  });

  it('are compared soon after a start: whoever knew what one has missed may have ended meanwhile', async () => {
    const options = { dirs, keys: sealKeys(secrets), deadlineMs: DEADLINE_MS, compareMs: 3_600_000 };
    const user = keyOf('users', 'user');
    const before = await MirroredDocuments.open({ ...options, onEvent: () => undefined });
    await take(dirs[0]);
    await before.change(user, () => ({ userId: 'user', epoch: 1, sessions: {} }));
    before.close();
    await giveBack(dirs[0]);
    const after = await MirroredDocuments.open({ ...options, compareSoonMs: 100, onEvent: () => undefined });
    const alone = await open({ dirs: [dirs[0]] });
    await until(async () => (await alone.epochOf('user')) === 1);
    after.close();
  });

  it('are compared now and then, and what differs is repaired', async () => {
    const store = await open({ compareMs: 200 });
    const record = aRecord();
    await store.create(record);
    await rm(fileOf(dirs[1], record.id));
    await until(() => store.stats().repaired === 1);
    const alone = await open({ dirs: [dirs[1]] });
    await until(async () => (await alone.find(record.id)) !== undefined);
  });

  it('log nobody out whose session another server, gone since, could write to the mount that is away now', async () => {
    const other = await open({ dirs: [dirs[0]] });
    const record = aRecord();
    await other.create(record);
    const store = await open();
    const { mark } = (await store.find(record.id))!;
    await rm(fileOf(dirs[1], record.id), { force: true });
    await take(dirs[0]);
    // An id of an hour ago: it did not begin while the mount was away.
    const old = aRecord({ id: newId(Date.now() - 3_600_000) });
    await expect(store.find(record.id, mark)).rejects.toThrow(StoreUnavailableError);
    await expect(store.find(old.id, mark)).rejects.toThrow(StoreUnavailableError);
    expect(await store.find(old.id)).toBeUndefined();
  });

  it('wait, when all were away, for the one that knows everything', async () => {
    const store = await open();
    const record = aRecord();
    await take(dirs[0]);
    await store.create(record);
    await take(dirs[1]);
    await expect(store.create(aRecord())).rejects.toThrow(StoreUnavailableError);
    for (const helper of helpers()) process.kill(helper, 'SIGKILL');
    await until(() => states(store).every((state) => state === 'fenced'));
    await giveBack(dirs[0]);
    await until(() => states(store)[0] === 'returning');
    await expect(store.find(record.id)).rejects.toThrow(StoreUnavailableError);
    await giveBack(dirs[1]);
    await until(allLive(store));
    expect((await store.find(record.id))?.record).toEqual(record);
  });

  it('show what one server wrote on one of them, and another on the other', async () => {
    const [left, right] = [await open({ dirs: [dirs[0]] }), await open({ dirs: [dirs[1]] })];
    const both = await open();
    const [record, doomed] = [aRecord(), aRecord()];
    for (const one of [record, doomed]) await both.create(one);
    await left.update(next(record, { payload: payload({ cart: { apple: 1 }, left: 1 }), writes: ['l'] }), record);
    await right.update(next(record, { payload: payload({ cart: { apple: 1 }, right: 1 }), writes: ['r'] }), record);
    await left.destroy(doomed.id);
    const found = await both.find(record.id);
    expect(JSON.parse(found!.record.payload)).toMatchObject({ d: { cart: { apple: 1 }, left: 1, right: 1 } });
    expect(await both.find(doomed.id)).toBeUndefined();
    // Repaired where it was read.
    await until(async () => (await right.find(doomed.id)) === undefined);
    await until(
      async () => (await left.find(record.id))!.record.payload === (await right.find(record.id))!.record.payload,
    );
    expect(both.stats().repaired).toBeGreaterThan(0);
    // Of all that differed only the document of recent ends was not read.
    expect([await both.compare(), await both.compare()]).toEqual([1, 0]);
  });

  it('heal a damaged copy, and one that has lost everything', async () => {
    const store = await open();
    const records = Array.from({ length: 60 }, () => aRecord({ userId: 'user' }));
    for (const record of records) await store.create(record);
    await writeFile(fileOf(dirs[0], records[0].id), 'planted');
    expect((await store.find(records[0].id))?.record).toEqual(records[0]);
    for (const kind of ['sessions', 'users']) {
      await rm(join(dirs[0], kind), { recursive: true });
      await mkdir(join(dirs[0], kind));
    }
    // The damaged one may have been healed where it was read.
    expect(await store.compare()).toBeGreaterThanOrEqual(60);
    expect(await store.compare()).toBe(0);
    const alone = await open({ dirs: [dirs[0]] });
    expect(new Set((await alone.listByUser('user')).map(({ id }) => id))).toEqual(new Set(records.map(({ id }) => id)));
  });

  it('never take for absent what may be on the one that is away, and end it there', async () => {
    const elsewhere = await open({ dirs: [dirs[0]] });
    const store = await open();
    await take(dirs[0]);
    await until(async () => {
      await store.touch(aRecord().id, 0).catch(() => undefined);
      return states(store)[0] === 'fenced';
    });
    await rename(`${dirs[0]}.away`, join(root, 'reached by the other'));
    const other = await open({ dirs: [join(root, 'reached by the other')] });
    const record = aRecord();
    await other.create(record);
    await expect(store.find(record.id)).rejects.toThrow(StoreUnavailableError);
    await store.destroy(record.id);
    expect(await store.find(record.id)).toBeUndefined();
    await rename(join(root, 'reached by the other'), dirs[0]);
    await until(allLive(store));
    await until(async () => (await elsewhere.find(record.id).catch(() => true)) === undefined);
  });

  it('are swept only while both are there, one batch at a time', async () => {
    const store = await open();
    const past = Date.now() - 1000;
    const over = Array.from({ length: 7 }, () => aRecord({ idleEndsAt: past }));
    const live = aRecord();
    for (const record of [...over, live]) await store.create(record);
    await take(dirs[0]);
    await store.touch(live.id, live.idleEndsAt + 1);
    expect(await store.sweep(past + 1, 5)).toBe(0);
    await giveBack(dirs[0]);
    await until(allLive(store));
    expect(await store.sweep(past + 1, 5)).toBe(5);
    expect(await store.sweep(past + 1, 5)).toBe(2);
    expect(await store.sweep(past + 1, 5)).toBe(0);
    expect((await store.find(live.id))?.record).toMatchObject({ id: live.id });
    for (const dir of dirs) expect(await files(dir)).toHaveLength(1);
  });
});

const canMount = process.platform === 'linux' && process.getuid?.() === 0;
if (!canMount) console.error('NOT TESTED: a full disk under the file method; run as root on Linux.');

(canMount ? describe : describe.skip)('a full disk', () => {
  let full: string;
  beforeEach(() => {
    full = dirs[0];
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', full]).status).toBe(0);
  });
  afterEach(async () => {
    await Promise.all(stores.map((store) => store.close()));
    spawnSync('umount', ['-l', full]);
  });
  const fill = () => writeFile(join(full, 'filler'), Buffer.alloc(2_000_000)).catch(() => undefined);

  it('refuses writes and goes on reading, when it is the only one', async () => {
    const store = await open({ dirs: [full] });
    const record = aRecord();
    await store.create(record);
    await fill();
    await expect(store.update(next(record), record)).rejects.toThrow('ENOSPC');
    expect((await store.find(record.id))?.record).toEqual(record);
    await rm(join(full, 'filler'));
    expect((await store.update(next(record), record)).status).toBe('done');
    expect(await readdir(join(full, 'temporary'))).toEqual([]);
  });

  it('is left out until there is room, when there is another', async () => {
    const store = await open();
    const record = aRecord();
    await store.create(record);
    await fill();
    const later = next(record, { payload: payload({ cart: 'later' }) });
    expect((await store.update(later, record)).status).toBe('done');
    expect(states(store)).toEqual(['fenced', 'live']);
    await rm(join(full, 'filler'));
    await until(allLive(store));
    expect((await (await open({ dirs: [full] })).find(record.id))?.record).toEqual(later);
  });
});

function fileOf(dir: string, id: string, version = 1): string {
  const { hash } = keyOf('sessions', id);
  return join(dir, 'sessions', hash.slice(0, 3), `${hash}.${version}`);
}

async function files(dir: string): Promise<string[]> {
  const names = await readdir(join(dir, 'sessions'), { recursive: true, withFileTypes: true });
  return names.filter((entry) => entry.isFile()).map(({ name }) => name);
}
