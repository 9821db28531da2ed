// One server's store in a process of its own: connect-redis, on the Redis that `settings.url` names.
import { RedisStore } from 'connect-redis';
import { createClient } from 'redis';
import { fromExpressStore } from '@roam/session/express';

export async function openStore({ url }) {
  const client = await createClient({ url, disableOfflineQueue: true })
    .on('error', () => undefined)
    .connect();
  const limits = { readTimeoutMs: 2000, writeTimeoutMs: 4000 };
  return {
    store: fromExpressStore(new RedisStore({ client }), { method: 'redis', ...limits }),
    close: () => client.close(),
  };
}
