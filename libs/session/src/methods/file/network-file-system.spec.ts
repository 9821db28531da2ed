// What network file systems do that a disk does not, told by a fake: it cannot be had from a real one on command.
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import * as real from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { keyOf } from './documents.js';
import { Seal, sealKeys } from './sealed-file.js';

/** What link(2) is answered, though it has worked. */
let answer: string | undefined;
/** What the next listing shows instead of what is there. */
let cached: string[] | undefined;
/** What others do when the next listing has been made, before anything else is. */
let meanwhile: (() => Promise<void>) | undefined;

const link = async (from: string, to: string) => {
  await real.link(from, to);
  if (answer) throw Object.assign(new Error(answer), { code: answer });
};
const readdir = async (folder: string) => {
  const names = cached ?? (await real.readdir(folder));
  cached = undefined;
  const others = meanwhile;
  meanwhile = undefined;
  await others?.();
  return names;
};
jest.unstable_mockModule('node:fs/promises', () => ({ ...real, link, readdir }));
const { VersionedFiles } = await import('./versioned-files.js');

const key = keyOf('users', 'the one');
const seal = new Seal(sealKeys(['x'.repeat(32)]));
let dir: string;
let files: InstanceType<typeof VersionedFiles>;

const fileOf = (version: number) => join(dir, key.kind, key.hash.slice(0, 3), `${key.hash}.${version}`);
const write = async (...bodies: string[]) => {
  for (const body of bodies) expect(await files.put(key, body, await files.read(key, true))).toBe('done');
};

/** As a writer leaves it that has slept since before this version, until it takes it back. */
const makeAnew = async (version: number) => {
  const temporary = join(dir, 'temporary', 'sleeper');
  await real.writeFile(temporary, seal.close(`users/${key.hash}.${version}`, 'of the sleeper'));
  await real.link(temporary, fileOf(version));
};

beforeEach(async () => {
  dir = await real.mkdtemp(join(tmpdir(), 'roam-network-'));
  answer = cached = meanwhile = undefined;
  files = new VersionedFiles(dir, seal, () => undefined);
  await files.open();
});
afterEach(() => real.rm(dir, { recursive: true, force: true }));

it.each(['EEXIST', 'EPERM', 'EIO'])(
  'a link that NFS repeats, and then answers with %s, has made the file all the same',
  async (code) => {
    await write('first');
    answer = code;
    await write('mine');
    expect(await files.read(key, false)).toMatchObject({ version: 2, body: 'mine' });
  },
);

describe('a cached listing', () => {
  it('leads to what is there, not to what was', async () => {
    await write('1');
    const listing = await real.readdir(dirname(fileOf(1)));
    await write('2', '3');
    cached = listing;
    expect(await files.read(key, false)).toMatchObject({ version: 3, body: '3' });
  });

  it('leads nobody to the file that a writer who slept has made anew and not yet taken back', async () => {
    await write('1', '2');
    const listing = await real.readdir(dirname(fileOf(1)));
    await write('3');
    await makeAnew(2);
    cached = listing;
    expect(await files.read(key, false)).toMatchObject({ version: 3, body: '3' });
  });

  it('that was read while a writer made its file does not tell that writer that it has won', async () => {
    await write('1');
    const listing = await real.readdir(dirname(fileOf(1)));
    await write('2');
    cached = listing;
    // It had read that there was none.
    expect(await files.put(key, 'late')).toBe('lost');
    expect(await files.read(key, false)).toMatchObject({ version: 2, body: '2' });
  });
});

it('a listing that is a moment old leads nobody to such a file either', async () => {
  await write('1', '2');
  meanwhile = async () => {
    await write('3');
    await makeAnew(2);
  };
  expect(await files.read(key, true)).toMatchObject({ version: 3, body: '3' });
});
