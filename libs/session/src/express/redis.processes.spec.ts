// connect-redis on a real Redis server keeps the contract, seen from three processes that share nothing else.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startRedis, type RedisServer } from '@roam/local-stack';
import { StoreUnavailableError } from '../core/errors.js';
import { describeSessionStore, startStores, type StoreProcess } from '../testing/index.js';
import { aRecord, next } from '../testing/a-record.js';

jest.setTimeout(60_000);

let redis: RedisServer;
let servers: StoreProcess[];

beforeAll(async () => {
  redis = await startRedis();
  const module = new URL('redis-store.fixture.mjs', import.meta.url).href;
  servers = await startStores(module, Array(3).fill({ url: redis.url }));
}, 180_000);

afterAll(async () => {
  await Promise.all(servers?.map((server) => server.close()) ?? []);
  await redis?.stop();
});

describeSessionStore('fromExpressStore(connect-redis), three processes', async () => ({
  servers: servers.map(({ store }) => store),
  // A frozen server is what a network that is down looks like.
  cut: async () => {
    redis.process.freeze();
    return async () => redis.process.thaw();
  },
}));

describe('fromExpressStore(connect-redis), three processes: what only real servers show', () => {
  it('ends a session for good while three servers write and touch it', async () => {
    const stores = servers.map(({ store }) => store);
    for (let round = 0; round < 20; round++) {
      const record = aRecord();
      await stores[0].create(record);
      const hammer = stores.flatMap((store) => [
        store.update(next(record, { payload: `round ${round}` }), record),
        store.touch(record.id, record.idleEndsAt + 1000),
      ]);
      const [ended] = await Promise.all([stores[round % 3].destroy(record.id), ...hammer]);
      expect(ended).toEqual({ status: 'done' });
      for (const store of stores) expect(await store.find(record.id)).toBeUndefined();
    }
  });

  it('answers that it cannot while the server is dead, and serves again when it is back', async () => {
    const [{ store }] = servers;
    await redis.process.kill();
    await expect(store.find(aRecord().id)).rejects.toThrow(StoreUnavailableError);
    await redis.process.start();
    const record = aRecord();
    expect(await answered(() => store.create(record))).toEqual({ status: 'done' });
    expect(await answered(() => servers[1].store.find(record.id))).toMatchObject({ record });
  });
});

/** What it answers as soon as it can: clients need a moment to connect again. */
async function answered<T>(act: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      expect(error).toBeInstanceOf(StoreUnavailableError);
      await sleep(50);
    }
  }
}
