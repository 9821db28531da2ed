// Whole sites that move to MySQL, on three real servers, and back.
import { afterAll, beforeAll, jest } from '@jest/globals';
import { startDatabases, type Databases } from '@roam/local-stack';
import { MysqlCluster } from '@roam/mysql-cluster';
import { CookieSessions, MysqlRevocationList, revocationTables } from '../methods/cookie/index.js';
import { SharedMemory } from '../methods/memory/memory-session-store.js';
import { MysqlSessionStore, sessionTables } from '../methods/mysql/index.js';
import { describeMovingSite } from '../testing/moving-site.js';
import { slowMemory } from '../testing/slow-memory.js';

jest.setTimeout(60_000);

const LIFETIME_MS = 30 * 24 * 3_600_000;

let databases: Databases;
let cluster: MysqlCluster;
let revocations: MysqlRevocationList;

beforeAll(async () => {
  databases = await startDatabases({ count: 3, topology: 'multi-primary' });
  cluster = await MysqlCluster.connect({ urls: databases.urls, readTimeoutMs: 2000, writeTimeoutMs: 4000 });
  for (const statement of [...sessionTables, ...revocationTables])
    await cluster.write(statement, [], { everywhere: true });
  revocations = await MysqlRevocationList.open({ database: cluster, maxAgeMs: 5_000 });
}, 120_000);

afterAll(async () => {
  revocations?.close();
  await cluster?.close();
  await databases?.stop();
});

const mysql = () => new MysqlSessionStore(cluster);
const cookie = () =>
  new CookieSessions({
    secrets: ['s'.repeat(32)],
    audience: 'https://roam.example',
    lifetimeMs: LIFETIME_MS,
    revocations,
  });

describeMovingSite('cookie to mysql', () => ({ from: () => cookie(), to: () => mysql() }));
describeMovingSite('memory to mysql', () => {
  const memory = new SharedMemory();
  return { from: () => slowMemory(memory), to: () => mysql() };
});
