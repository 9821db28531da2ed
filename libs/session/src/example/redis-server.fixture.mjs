// One server's store in a process of its own.
import { createClient } from 'redis';
import { RedisSessionStore } from '../../dist/example/redis-session-store.js';

export async function openStore({ url }) {
  const client = createClient({ url, disableOfflineQueue: true });
  // Each call says itself that it has failed.
  client.on('error', () => undefined);
  await client.connect();
  return { store: new RedisSessionStore(client, 4000), close: () => client.close() };
}
