// The whole contract on one folder that each of three servers has mounted over the network, with caches of its own.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { builtModule } from '../../built-file.js';
import { describeSessionStore, startStores } from '../../testing/index.js';
import type { SessionIndex } from '../../port/abilities.js';
import type { SessionRecord } from '../../port/records.js';
import { aRecord } from '../../testing/a-record.js';
import { newId } from '../../core/identity.js';
import { keyOf, type Kind } from './documents.js';
import { FileServer, prepareNetworkMounts } from './testing/file-server.js';

jest.setTimeout(60_000);

const MODULE = builtModule('./testing/open-store.js', import.meta.url);
const secrets = ['the tests sign their files with this secret'];

const missing = prepareNetworkMounts();
if (missing) console.error(`NOT TESTED: the file method on network mounts; ${missing}.`);

(missing ? describe.skip : describe)('file on a network mount', () => {
  let root: string;
  let fileServers: FileServer[];

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'roam-network-'));
    fileServers = await Promise.all(
      ['disk1', 'disk2'].map(async (disk) => {
        await mkdir(join(root, disk));
        return new FileServer(join(root, disk)).listen();
      }),
    );
  });
  afterAll(async () => {
    for (const server of fileServers) server.stop();
    await rm(root, { recursive: true, force: true });
  });

  let mounts = 0;
  const start = async (count = 1) => {
    const settings = await Promise.all(
      ['web1', 'web2', 'web3'].map(async (serverName) => ({
        serverName,
        secrets,
        deadlineMs: 2000,
        dirs: await Promise.all(
          fileServers.slice(0, count).map((server) => server.mount(join(root, `mount${++mounts}`))),
        ),
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
  describeSessionStore('file, one network mount, three processes', () => start());

  describe.each([1, 2])('a folder on %i that one server has looked at just before another one wrote to it', (count) => {
    type Store = Awaited<ReturnType<typeof start>>['servers'][number] & SessionIndex;
    let close: () => Promise<void>;
    /** `there` has a cached listing of the folders of both. */
    let here: Store;
    let there: Store;
    let user: string;
    let session: SessionRecord;

    const folderOf = (...key: Parameters<typeof keyOf>) => keyOf(...key).hash.slice(0, 3);
    const inFolderOf = (kind: Kind, id: string, another: () => string) => {
      for (;;) {
        const other = another();
        if (folderOf(kind, other) === folderOf(kind, id)) return other;
      }
    };

    beforeEach(async () => {
      const started = await start(count);
      close = started.close;
      [here, there] = started.servers as Store[];
      const neighbour = aRecord({ userId: `user ${randomUUID()}` });
      user = inFolderOf('users', neighbour.userId!, () => `user ${randomUUID()}`);
      session = aRecord({
        userId: user,
        id: inFolderOf('sessions', neighbour.id, () => newId(Date.now())),
      });
      await here.create(neighbour);
      expect(await there.find(neighbour.id)).toBeDefined();
    });
    afterEach(() => close());

    it('shows a new session in the list', async () => {
      await here.create(session);
      expect((await there.listByUser(user)).map(({ id }) => id)).toEqual([session.id]);
    });

    it('shows that all sessions were ended', async () => {
      await here.create(session);
      await here.raiseEpoch(user);
      expect(await there.find(session.id)).toMatchObject({ userEpoch: 1 });
    });

    it('counts one end of all sessions after the other', async () => {
      for (const epoch of [1, 2]) expect(await here.raiseEpoch(user)).toBe(epoch);
      expect(await there.raiseEpoch(user)).toBe(3);
      expect(await here.epochOf(user)).toBe(3);
    });

    it('keeps two logins of one user in the list', async () => {
      const others = [aRecord({ userId: user }), aRecord({ userId: user })];
      for (const other of others) await here.create(other);
      await there.create(session);
      expect(await here.listByUser(user)).toHaveLength(3);
    });

    it('lets a new session be ended', async () => {
      await here.create(session);
      expect(await there.destroy(session.id)).toEqual({ status: 'done' });
      expect(await here.find(session.id)).toBeUndefined();
    });
  });
});
