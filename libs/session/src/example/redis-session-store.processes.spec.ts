// The store of docs/write-a-session-store.md keeps the whole contract, on a real Redis server, over three processes.
import { afterAll, beforeAll, jest } from '@jest/globals';
import { startRedis, type RedisServer } from '@roam/local-stack';
import { describeSessionStore, startStores, type StoreProcess } from '../testing/index.js';

jest.setTimeout(30_000);

let redis: RedisServer;
let servers: StoreProcess[];

beforeAll(async () => {
  redis = await startRedis();
  const module = new URL('redis-server.fixture.mjs', import.meta.url).href;
  servers = await startStores(module, Array(3).fill({ url: redis.url }));
}, 180_000);

afterAll(async () => {
  await Promise.all(servers?.map((server) => server.close()) ?? []);
  await redis?.stop();
});

describeSessionStore('redis, three processes', async () => ({
  servers: servers.map(({ store }) => store),
  cut: async () => {
    redis.process.freeze();
    return async () => redis.process.thaw();
  },
}));
