// The cookie store keeps the contract across three processes that follow one list in a group of three MySQL servers.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startDatabases, type Databases } from '@roam/local-stack';
import { MysqlCluster } from '@roam/mysql-cluster';
import type { ResultSetHeader, RowDataPacket } from 'mysql2';
import { createConnection } from 'mysql2/promise';
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreUnavailableError } from '../../core/errors.js';
import type { CarrierContext } from '../../carriers/carrier.js';
import type { SealedSessions } from '../../carriers/sealed.js';
import type { SessionRecord } from '../../port/records.js';
import { describeSealedSessions, startStores, type StoreProcess } from '../../testing/index.js';
import { aRecord } from '../../testing/a-record.js';
import { CookieSessions } from './cookie-sessions.js';
import { MemoryRevocationList } from './revocation/memory-revocation-list.js';
import { revocationTables } from './revocation/schema.js';
import { patience } from '../../testing/patience.js';

jest.setTimeout(60_000);

const MODULE = new URL('cookie-store.process.mjs', import.meta.url).href;
const [KEY, NEW_KEY] = ['k'.repeat(32), 'n'.repeat(32)];
const SETTINGS = { secrets: [KEY], audience: 'https://roam.example', lifetimeMs: 30 * 24 * 3_600_000 };

let databases: Databases;
let processes: StoreProcess[];

beforeAll(async () => {
  databases = await startDatabases({ count: 3, topology: 'multi-primary' });
  const cluster = await MysqlCluster.connect({ urls: databases.urls, readTimeoutMs: 2000, writeTimeoutMs: 4000 });
  for (const statement of revocationTables) await cluster.write(statement, [], { everywhere: true });
  await cluster.close();
  const settings = { urls: [...databases.urls], store: SETTINGS };
  processes = await startStores(MODULE, [settings, settings, settings]);
}, 120_000);

afterAll(async () => {
  await Promise.all(processes?.map((each) => each.close()) ?? []);
  await databases?.stop();
});

/** The store there, with what does not wait done here: whoever has the keys can seal. */
function there({ store }: StoreProcess, secrets = [KEY]): SealedSessions {
  const here = storeHere({ secrets });
  // Nor can what is known by heart there be asked from here without waiting.
  return {
    ...store,
    carrier: (sessions: SealedSessions, context: CarrierContext) => here.carrier(sessions, context),
    seal: (record: SessionRecord) => here.seal(record),
    unseal: (token: string) => here.unseal(token),
    mayHaveEnded: () => true,
  } as unknown as SealedSessions & typeof store;
}

/** For the contract, in which nothing fails: who met a process that stood still is told to come again, and does. */
function patiently(store: SealedSessions): SealedSessions {
  const again = async <T>(call: () => Promise<T>): Promise<T> => {
    for (const end = Date.now() + 10_000; ; await sleep(20)) {
      try {
        return await call();
      } catch (error) {
        if (!(error instanceof StoreUnavailableError) || Date.now() > end) throw error;
      }
    }
  };
  return {
    ...store,
    admit: (record) => again(() => store.admit(record)),
    create: (...args) => again(() => store.create(...args)),
    update: (...args) => again(() => store.update(...args)),
    touch: (...args) => again(() => store.touch(...args)),
    destroy: (...args) => again(() => store.destroy(...args)),
  };
}

function storeHere(settings: Partial<typeof SETTINGS> = {}): CookieSessions {
  return new CookieSessions({ ...SETTINGS, ...settings, revocations: new MemoryRevocationList() });
}

describeSealedSessions('cookie over three processes', async () => ({
  servers: processes.map((each) => patiently(there(each))),
  sealed: {
    rotated: patiently(there(processes[1], [NEW_KEY, KEY])),
    foreign: [storeHere({ secrets: [NEW_KEY] }), storeHere({ audience: 'https://other.example' })],
  },
}));

describe('a logout in one process', () => {
  it('is followed by every other within a second, each time', async () => {
    const stores = processes.map((each) => there(each));
    let longest = 0;
    for (let i = 0; i < 10; i++) {
      const record = aRecord();
      await stores[i % 3].destroy(record.id);
      const acknowledged = Date.now();
      /** When it was asked and still let in. One that stood still says that it cannot tell. */
      const letInAt = async (store: SealedSessions): Promise<number | undefined> => {
        for (;;) {
          const asked = Date.now();
          try {
            return (await store.admit(record)) && asked;
          } catch (error) {
            expect(error).toBeInstanceOf(StoreUnavailableError);
          }
        }
      };
      expect(await letInAt(stores[i % 3])).toBeUndefined();
      for (const store of stores) {
        let at: number | undefined;
        while ((at = await letInAt(store)) !== undefined) longest = Math.max(longest, at - acknowledged);
      }
    }
    console.log(`A logout was known to all three processes after ${longest} ms at most.`);
    expect(longest).toBeLessThan(1000 * patience());
  });

  it('is the first thing that a server hears of that stood still meanwhile', async () => {
    const [here, , frozen] = processes;
    const record = aRecord();
    expect(await there(frozen).admit(record)).toBeDefined();
    frozen.kill('SIGSTOP');
    try {
      await there(here).destroy(record.id);
      await sleep(1100);
    } finally {
      // The request is there before the server wakes. On a busy machine it may be told to come again.
      setImmediate(() => frozen.kill('SIGCONT'));
      const toldToComeAgain = (error: unknown) => {
        expect(error).toBeInstanceOf(StoreUnavailableError);
        return there(frozen).admit(record);
      };
      expect(await there(frozen).admit(record).catch(toldToComeAgain)).toBeUndefined();
    }
  });

  it('is written in an order that all nodes share, whichever takes it', async () => {
    const nodes = await Promise.all(databases.urls.map((url) => createConnection(url)));
    try {
      let last = 0;
      for (let i = 0; i < 12; i++) {
        const node = nodes[i % 3];
        const [{ insertId }] = await node.execute<ResultSetHeader>(
          'INSERT INTO session_revocations (subject, ends_at) VALUES (?, ?)',
          [`order-${i}`, Date.now() + 60_000],
        );
        expect(insertId).toBeGreaterThan(last);
        last = insertId;
        // As soon as the next node has applied it, its own numbers are higher.
        interface Count extends RowDataPacket {
          n: number;
        }
        const count = 'SELECT COUNT(*) AS n FROM session_revocations WHERE seq = ?';
        while ((await nodes[(i + 1) % 3].execute<Count[]>(count, [insertId]))[0][0].n === 0);
      }
    } finally {
      await Promise.all(nodes.map((node) => node.end()));
    }
  });

  it('goes on when a database node dies: nobody is refused, and it is followed as before', async () => {
    const stores = processes.map((each) => there(each));
    const live = aRecord();
    let isOver = false;
    const visit = async (store: SealedSessions) => {
      while (!isOver) {
        expect(await store.admit(live)).toBeDefined();
        await sleep(5);
      }
    };
    const visits = Promise.all(stores.map(visit));
    await databases.nodes[0].kill();
    for (const store of stores) {
      const record = aRecord();
      await store.destroy(record.id);
      const end = Date.now() + 5000;
      for (const each of stores) while ((await each.admit(record)) && Date.now() < end) await sleep(10);
      for (const each of stores) expect(await each.admit(record)).toBeUndefined();
    }
    isOver = true;
    await visits;
  });
});
