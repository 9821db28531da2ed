// The whole contract on one folder that each of three servers has mounted over the network, with caches of its own.
import { afterAll, beforeAll, describe, jest } from '@jest/globals';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeSessionStore, startStores } from '../testing/index.js';
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
  describeSessionStore('file, one network mount, three processes', async () => {
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
  });
});
