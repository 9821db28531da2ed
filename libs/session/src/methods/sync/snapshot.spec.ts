// The file of sessions that servers leave behind: whole, also when several share it or one was killed while it wrote.
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HybridClock } from '../../replica/hybrid-clock.js';
import { createReplica, type Replica } from '../../replica/replica.js';
import { aRecord, payload } from '../../testing/a-record.js';
import { loadSnapshot, saveSnapshot } from './snapshot.js';

const key = randomBytes(32);
const clock = new HybridClock('web1');
const large = payload({ large: 'x'.repeat(20_000) });
const entries = Array.from({ length: 50 }, () =>
  JSON.stringify(createReplica(aRecord({ payload: large }), clock.tick())),
);

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'roam-snapshot-'));
  file = join(folder, 'snapshot');
});

afterEach(() => rm(folder, { recursive: true }));

describe('a snapshot', () => {
  it('is whole when several servers leave it in the same place at once', async () => {
    const now = Date.now();
    for (let round = 0; round < 5; round++) {
      await Promise.all([10, 30, 50].map((count) => saveSnapshot(file, key, entries.slice(0, count), now, false)));
      expect([10, 30, 50]).toContain([...(await loadSnapshot(file, key, now))!.entries].length);
      expect(await readdir(folder)).toEqual(['snapshot']);
    }
  });

  it('says whether others went on after it was written', async () => {
    for (const isEarly of [true, false]) {
      await saveSnapshot(file, key, entries, Date.now(), isEarly);
      expect(await loadSnapshot(file, key, Date.now())).toMatchObject({ isEarly });
    }
  });

  it('is decoded one entry after the other: a million at once would not fit into memory', async () => {
    await saveSnapshot(file, key, entries, Date.now(), false);
    const parse = jest.spyOn(JSON, 'parse');
    const snapshot = await loadSnapshot(file, key, Date.now());
    let taken = 0;
    for (const { id } of snapshot!.entries as Iterable<Replica>) {
      expect(id).toBe((JSON.parse(entries[taken]) as Replica).id);
      // This test has parsed as many.
      expect(parse).toHaveBeenCalledTimes(2 * ++taken);
    }
    expect(taken).toBe(entries.length);
    parse.mockRestore();
  });

  it('takes away what killed servers left unfinished, but nothing that is being written', async () => {
    const now = Date.now();
    const [old, young, foreign] = ['snapshot.a.new', 'snapshot.b.new', 'other.a.new'];
    for (const name of [old, young, foreign]) await writeFile(join(folder, name), 'half');
    for (const name of [old, foreign]) await utimes(join(folder, name), 0, 0);
    await saveSnapshot(file, key, entries, now, false);
    expect((await readdir(folder)).sort()).toEqual([foreign, 'snapshot', young]);
  });
});
