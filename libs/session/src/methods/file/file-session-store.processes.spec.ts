// The file store keeps the whole contract across three processes, on one mount and on two; killed writers block nobody.
import { afterAll, beforeAll, describe, jest } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { builtModule } from '../../built-file.js';
import type { Json } from '../../port/records.js';
import { describeSessionStore, startStores } from '../../testing/index.js';

jest.setTimeout(60_000);

const MODULE = builtModule('./testing/open-store.js', import.meta.url);
const secrets = ['the tests sign their files with this secret'];

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'roam-file-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function newDirs(count: number): Promise<string[]> {
  return Promise.all(Array.from({ length: count }, (_, i) => mkdtemp(join(root, `mount${i}-`))));
}

function settings(dirs: readonly string[], names = ['web1', 'web2', 'web3']): Json[] {
  return names.map((serverName) => ({ dirs, serverName, secrets, deadlineMs: 2000 }));
}

describe.each([1, 2])('file on %i mount(s)', (count) => {
  describeSessionStore(`file, ${count} mount(s), three processes`, async () => {
    const processes = await startStores(MODULE, settings(await newDirs(count)));
    return {
      servers: processes.map(({ store }) => store),
      close: async () => {
        await Promise.all(processes.map((process) => process.close()));
      },
    };
  });
});
