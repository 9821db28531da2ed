// The stores of one site of several servers, by every method: what one server has committed, the next one sees.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Databases } from '@roam/local-stack';
import { MysqlCluster } from '@roam/mysql-cluster';
import { MemorySessionStore, SharedMemory, type AnySessions } from '@roam/session';
import { CookieSessions, MemoryRevocationList } from '@roam/session/cookie';
import { FileSessionStore } from '@roam/session/file';
import { MysqlSessionStore, sessionTables } from '@roam/session/mysql';
import { SyncSessionStore } from '@roam/session/sync';
import { freePorts, patient, site } from '../../libs/session/src/methods/sync/testing/site.js';

export const methods = ['memory', 'cookie', 'sync', 'file', 'mysql'] as const;
export type Method = (typeof methods)[number];

export interface Stores {
  /** One for each server. */
  readonly stores: readonly AnySessions[];
  close(): Promise<void>;
}

const SECRET = 'a secret that all servers of the samples are given';
const DAY_MS = 24 * 3_600_000;

type Open = (count: number, databases: Databases) => Promise<Stores>;

const times = <T>(count: number, make: (i: number) => T) => Array.from({ length: count }, (_, i) => make(i));
const nothingToClose = async () => undefined;

const openers: Record<Method, Open> = {
  memory: async (count) => {
    const memory = new SharedMemory();
    return { stores: times(count, () => new MemorySessionStore(memory)), close: nothingToClose };
  },
  cookie: async (count) => {
    const revocations = new MemoryRevocationList();
    const options = { secrets: [SECRET], audience: 'http://samples.example', lifetimeMs: 30 * DAY_MS, revocations };
    return { stores: times(count, () => new CookieSessions(options)), close: nothingToClose };
  },
  sync: async (count) => {
    const options = site(await freePorts(count), { timings: patient });
    const stores = await Promise.all(options.map((each) => SyncSessionStore.open(each)));
    return { stores, close: async () => void (await Promise.all(stores.map((store) => store.close()))) };
  },
  file: async (count) => {
    const dir = await mkdtemp(join(tmpdir(), 'roam-samples-'));
    const options = (i: number) => ({ dirs: [dir], serverName: `web${i + 1}`, secrets: [SECRET], deadlineMs: 10_000 });
    const stores = await Promise.all(times(count, (i) => FileSessionStore.open(options(i))));
    const close = async () => {
      await Promise.all(stores.map((store) => store.close()));
      await rm(dir, { recursive: true });
    };
    return { stores, close };
  },
  mysql: async (count, { urls }) => {
    // Nothing fails here: a machine that is busy for a moment is no fault.
    const patience = { readTimeoutMs: 5_000, writeTimeoutMs: 5_000 };
    const clusters = await Promise.all(times(count, () => MysqlCluster.connect({ urls, ...patience })));
    for (const statement of sessionTables) await clusters[0].write(statement, [], { everywhere: true });
    const close = async () => void (await Promise.all(clusters.map((cluster) => cluster.close())));
    return { stores: clusters.map((cluster) => new MysqlSessionStore(cluster)), close };
  },
};

export function openStores(method: Method, count: number, databases: Databases): Promise<Stores> {
  return openers[method](count, databases);
}
