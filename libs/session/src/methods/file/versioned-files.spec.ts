// One folder's documents: what is not ours is kept aside, and no writer takes for won what it has lost.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { execSync } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { keyOf, type Key } from './documents.js';
import { Seal, sealKeys } from './sealed-file.js';
import { VersionedFiles } from './versioned-files.js';

const keys = sealKeys(['the first secret of the tests signs', 'the second secret of the tests only opens']);
const document = keyOf('users', 'the one');
const other = keyOf('users', 'another');

let dir: string;
let damaged: string[];
let files: VersionedFiles;

const open = (...ours: string[]) => new VersionedFiles(dir, new Seal(ours), (file) => damaged.push(file));
const fileOf = ({ kind, hash }: Key, version: number) => join(dir, kind, hash.slice(0, 3), `${hash}.${version}`);
const namesOf = async (key: Key) =>
  (await readdir(dirname(fileOf(key, 1)))).filter((name) => name.startsWith(key.hash));

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'roam-files-'));
  damaged = [];
  files = open(...keys);
  await files.open();
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe('a document', () => {
  it('is one file in its folder, whatever its id is (CVE-2020-9484)', async () => {
    for (const id of ['../../../etc/passwd', '', '/', 'a\0b', '💣', 'x'.repeat(100_000)]) {
      const key = keyOf('sessions', id);
      expect(await files.put(key, 'body')).toBe('done');
      expect(await files.put(key, 'more', await files.read(key, false))).toBe('done');
      expect(await files.read(key, false)).toMatchObject({ version: 2, body: 'more' });
      expect(await namesOf(key)).toHaveLength(1);
    }
    expect(await readdir(join(dir, 'temporary'))).toEqual([]);
  });

  it('is for its owner only', async () => {
    await files.put(document, 'body');
    expect((await stat(fileOf(document, 1))).mode & 0o777).toBe(0o600);
    expect((await stat(dirname(fileOf(document, 1)))).mode & 0o777).toBe(0o700);
  });

  it('has one winner of sixteen writers at once', async () => {
    await files.put(document, 'first');
    const base = await files.read(document, false);
    const writers = Array.from({ length: 16 }, (_, i) => open(...keys).put(document, `writer ${i}`, base));
    const outcomes = await Promise.all(writers);
    expect(outcomes.filter((outcome) => outcome === 'done')).toHaveLength(1);
    expect((await files.read(document, false))?.body).toBe(`writer ${outcomes.indexOf('done')}`);
  });

  it('has one winner also when all write the same', async () => {
    const outcomes = await Promise.all(Array.from({ length: 16 }, () => open(...keys).put(document, 'same')));
    expect(outcomes.filter((outcome) => outcome === 'done')).toHaveLength(1);
  });

  it('is not won by a writer that slept while others went on, removed its version and came back to it', async () => {
    await files.put(document, '1');
    const sleeper = await files.read(document, false);
    for (const body of ['2', '3', '4']) await files.put(document, body, await files.read(document, false));
    expect(await files.put(document, 'late', sleeper)).toBe('lost');
    expect(await files.read(document, false)).toMatchObject({ version: 4, body: '4' });
  });

  it('is not won by a writer that slept since there was none', async () => {
    for (const body of ['1', '2']) await files.put(document, body, await files.read(document, false));
    expect(await files.put(document, 'late')).toBe('lost');
    expect(await files.read(document, false)).toMatchObject({ version: 2, body: '2' });
    expect(await namesOf(document)).toEqual([`${document.hash}.2`]);
  });

  it('is not won either when another such writer has left the version that it had read', async () => {
    for (const body of ['1', '2']) await files.put(document, body, await files.read(document, false));
    const sleeper = await files.read(document, false);
    for (const body of ['3', '4', '5']) await files.put(document, body, await files.read(document, false));
    await writeFile(fileOf(document, 2), new Seal(keys).close(`users/${document.hash}.2`, 'of a killed one'));
    expect(await files.put(document, 'late', sleeper)).toBe('lost');
    expect(await files.read(document, false)).toMatchObject({ version: 5, body: '5' });
  });

  it('goes on after a writer that was killed between its steps', async () => {
    await files.put(document, '1');
    await copyFile(fileOf(document, 1), join(dir, 'first'));
    await files.put(document, '2', await files.read(document, false));
    await rename(join(dir, 'first'), fileOf(document, 1));
    const found = await files.read(document, false);
    expect(found).toMatchObject({ version: 2, body: '2' });
    expect(await files.put(document, '3', found)).toBe('done');
    expect(await namesOf(document)).toEqual([`${document.hash}.3`]);
  });

  it('is read to the end while others change it', async () => {
    await files.put(document, '0');
    let writing = true;
    const write = async () => {
      for (let i = 1; i <= 100; i++) await files.put(document, String(i), await files.read(document, false));
      writing = false;
    };
    const read = async () => {
      let last = 0;
      while (writing) {
        const seen = Number((await files.read(document, false))!.body);
        expect(seen).toBeGreaterThanOrEqual(last);
        last = seen;
      }
    };
    await Promise.all([write(), read(), read()]);
  });
});

describe('what is not ours (CVE-2025-24813)', () => {
  const plant: Record<string, (target: string) => Promise<void>> = {
    'made up': (target) => writeFile(target, '{"admin":true}'),
    empty: (target) => writeFile(target, ''),
    truncated: async (target) => writeFile(target, (await readFile(target)).subarray(0, -3)),
    'only its header': async (target) => writeFile(target, (await readFile(target)).subarray(0, 64)),
    'changed in one bit': async (target) => {
      const bytes = await readFile(target);
      bytes[bytes.length - 2] ^= 1;
      await writeFile(target, bytes);
    },
    "signed by another's key": (target) =>
      writeFile(target, new Seal(sealKeys(['a secret of somebody else altogether'])).close('users', 'body')),
    "another document's": (target) => copyFile(fileOf(other, 1), target),
  };

  it.each(Object.keys(plant))('is no document, and kept: %s', async (how) => {
    await files.put(document, 'body');
    await files.put(other, 'body');
    await plant[how](fileOf(document, 1));
    const planted = await readFile(fileOf(document, 1));
    expect(await files.read(document, false)).toBeUndefined();
    expect(await files.read(document, true)).toBeUndefined();
    expect(damaged).toHaveLength(1);
    expect(await readFile(damaged[0])).toEqual(planted);
    expect((await files.read(other, false))?.body).toBe('body');
  });

  it.each(['mkdir', 'mkfifo', 'ln -s /etc/passwd'])('may be no file at all: %s', async (command) => {
    await files.put(document, 'body');
    await rm(fileOf(document, 1));
    execSync(`${command} ${fileOf(document, 1)}`);
    expect(await files.read(document, false)).toBeUndefined();
    expect(damaged).toHaveLength(1);
  });

  it('includes an old version under a newer name', async () => {
    await files.put(document, 'old');
    await copyFile(fileOf(document, 1), join(dir, 'old'));
    await files.put(document, 'new', await files.read(document, false));
    await copyFile(join(dir, 'old'), fileOf(document, 3));
    expect(await files.read(document, false)).toBeUndefined();
    // The intact one does not come back in its place either, nor is it lost.
    expect(await files.read(document, false)).toBeUndefined();
    expect(damaged).toHaveLength(2);
  });

  it.each(['.0', '.01', '.-1', '.1e3', '.99999999999999999999', '', '.1.tmp', '.NaN'])(
    'is not looked at under a name that we do not give: %s',
    async (end) => {
      await files.put(document, 'body');
      await writeFile(join(dirname(fileOf(document, 1)), document.hash + end), 'planted');
      expect((await files.read(document, false))?.body).toBe('body');
      expect(damaged).toEqual([]);
    },
  );
});

describe('a folder', () => {
  it('that is empty all of a sudden is a fault, not a store without sessions', async () => {
    await files.put(document, 'body');
    await rename(dir, `${dir}.unmounted`);
    await mkdir(dir);
    await expect(files.read(document, true)).rejects.toThrow('ENOENT');
    await expect(open(...keys).open('the identity it had')).rejects.toThrow('check that it is mounted');
    expect(await readdir(dir)).toEqual([]);
    await rm(`${dir}.unmounted`, { recursive: true });
  });

  it('that does not exist is not made', async () => {
    await expect(new VersionedFiles(join(dir, 'missing'), new Seal(keys), () => undefined).open()).rejects.toThrow(
      'ENOENT',
    );
  });

  it('of other secrets is refused, and follows a rotation', async () => {
    await expect(open(...sealKeys(['a secret of somebody else altogether'])).open()).rejects.toThrow('other secrets');
    const identity = await files.open();
    expect(await open(keys[1], keys[0]).open(identity)).toBe(identity);
    expect(await open(keys[1]).open(identity)).toBe(identity);
    await expect(open(keys[0]).open()).rejects.toThrow('other secrets');
    await expect(open(keys[1]).open('another identity')).rejects.toThrow('another session store');
  });

  it('gets one identity from servers that open it at once', async () => {
    await rm(join(dir, 'store.json'));
    const identities = await Promise.all(Array.from({ length: 8 }, () => open(...keys).open()));
    expect(new Set(identities).size).toBe(1);
  });

  it('is walked in pages, each document once, in the order of the hashes', async () => {
    const expected = new Set<string>();
    for (let i = 0; i < 100; i++) {
      const key = keyOf('users', `user ${i}`);
      expected.add(key.hash);
      await files.put(key, JSON.stringify({ userId: `user ${i}`, epoch: 0, sessions: { a: i } }));
    }
    const seen: string[] = [];
    let from: string | undefined = '';
    while (from !== undefined) {
      const page: Awaited<ReturnType<VersionedFiles['scan']>> = await files.scan('users', from, 7);
      expect(page.documents.length).toBeLessThanOrEqual(7);
      seen.push(...page.documents.map(({ hash }) => hash));
      from = page.next;
    }
    expect(seen).toEqual([...expected].sort());
  });

  it('loses what killed writers left after an hour, not before', async () => {
    const left = join(dir, 'temporary', 'elsewhere.1.2');
    await writeFile(left, 'half');
    await files.tidy();
    expect(await readdir(join(dir, 'temporary'))).toHaveLength(1);
    const old = Date.now() / 1000 - 3700;
    await utimes(left, old, old);
    await files.tidy();
    expect(await readdir(join(dir, 'temporary'))).toEqual([]);
  });

  it('loses at a walk what was there to refresh its listing', async () => {
    await files.put(document, '{"userId":"one","epoch":0,"sessions":{}}');
    const folder = dirname(fileOf(document, 1));
    await writeFile(join(folder, 'refresh.elsewhere.1.2'), '');
    await files.read(document, true);
    await files.scan('users', '', 10);
    expect(await readdir(folder)).toEqual([`${document.hash}.1`]);
  });

  it('forgets what is over, but not what has gone on since it was looked at', async () => {
    const now = Date.now();
    const until = (endsAt: number) => JSON.stringify({ userId: 'one', epoch: 0, sessions: { a: endsAt } });
    await files.put(document, until(now - 1000));
    await files.remove(document, now - 2000);
    await files.put(document, until(now + 1000), await files.read(document, false));
    await files.remove(document, now);
    expect((await files.read(document, false))?.version).toBe(2);
    await files.remove(document, now + 2000);
    expect(await files.read(document, false)).toBeUndefined();
  });

  it('takes a document back from a writer that slept while it was forgotten and began anew', async () => {
    const past = JSON.stringify({ userId: 'one', epoch: 0, sessions: {} });
    for (const body of ['1', '2', past]) await files.put(document, body, await files.read(document, false));
    const sleeper = await files.read(document, false);
    await files.remove(document, Date.now());
    for (const body of ['new', 'newer']) await files.put(document, body, await files.read(document, false));
    expect(await files.put(document, 'late', sleeper)).toBe('lost');
    expect(await files.read(document, false)).toMatchObject({ version: 2, body: 'newer' });
  });
});
