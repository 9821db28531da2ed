// NFS may repeat a link whose answer was lost, and then report that the name exists: it is ours all the same.
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import * as real from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keyOf } from './documents.js';
import { Seal, sealKeys } from './sealed-file.js';

let answer: string | undefined;
const link = async (from: string, to: string) => {
  await real.link(from, to);
  if (answer) throw Object.assign(new Error(answer), { code: answer });
};
jest.unstable_mockModule('node:fs/promises', () => ({ ...real, link }));
const { VersionedFiles } = await import('./versioned-files.js');

const key = keyOf('users', 'the one');
let dir: string;

beforeEach(async () => {
  dir = await real.mkdtemp(join(tmpdir(), 'roam-lost-'));
  answer = undefined;
});
afterEach(() => real.rm(dir, { recursive: true, force: true }));

it.each(['EEXIST', 'EPERM', 'EIO'])(
  'finds its own file when the link has worked and the answer is %s',
  async (code) => {
    const files = new VersionedFiles(dir, new Seal(sealKeys(['x'.repeat(32)])), () => undefined);
    await files.open();
    await files.put(key, 'first');
    answer = code;
    const base = await files.read(key, false);
    expect(await files.put(key, 'mine', base)).toBe('done');
    expect(await files.read(key, false)).toMatchObject({ version: 2, body: 'mine', older: [] });
  },
);
