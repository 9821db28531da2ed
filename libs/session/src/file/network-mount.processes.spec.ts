// The whole contract on one folder that each of three servers has mounted over the network, with caches of its own.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeSessionStore, startStores } from '../testing/index.js';
import type { SessionIndex } from '../store.js';
import { aRecord } from '../testing/store-contract.js';
import { keyOf } from './documents.js';
import { FileServer, prepareNetworkMounts } from './testing/file-server.js';

jest.setTimeout(60_000);

const MODULE = import.meta.resolve('../../dist/file/testing/open-store.js');
const secrets = ['the tests sign their files with this secret'];

const missing = prepareNetworkMounts();
if (missing) console.error(`NOT TESTED: the file method on network mounts; ${missing}.`);

(missing ? describe.skip : describe)('file on a network mount', () => {
  let root: string;
  let server: FileServer;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'roam-network-'));
    await mkdir(join(root, 'disk'));
    server = await new FileServer(join(root, 'disk')).listen();
  });
  afterAll(async () => {
    server.stop();
    await rm(root, { recursive: true, force: true });
  });

  let mounts = 0;
  const start = async () => {
    const settings = await Promise.all(
      ['web1', 'web2', 'web3'].map(async (serverName) => ({
        serverName,
        secrets,
        deadlineMs: 2000,
        dirs: [await server.mount(join(root, `mount${++mounts}`))],
      })),
    );
    const processes = await startStores(MODULE, settings);
    return {
      servers: processes.map(({ store }) => store),
      close: async () => {
        await Promise.all(processes.map((process) => process.close()));
      },
    };
  };
  describeSessionStore('file, one network mount, three processes', start);

  it('lists a session whose folder another server has looked at just before', async () => {
    const { servers, close } = await start();
    try {
      const [here, there] = servers;
      const folderOf = (id: string) => keyOf('sessions', id).hash.slice(0, 3);
      const userId = 'a user of one folder';
      const first = aRecord({ userId });
      let second = aRecord({ userId });
      while (folderOf(second.id) !== folderOf(first.id)) second = aRecord({ userId });
      await here.create(first);
      expect(await there.find(first.id)).toBeDefined();
      await here.create(second);
      const listed = await (there as typeof there & SessionIndex).listByUser(userId);
      expect(new Set(listed.map(({ id }) => id))).toEqual(new Set([first.id, second.id]));
    } finally {
      await close();
    }
  });
});
