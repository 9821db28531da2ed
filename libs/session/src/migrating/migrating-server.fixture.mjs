// One server of a site that moves from one Redis server to another, in a process of its own.
import { createClient } from 'redis';
import { migrating } from '@roam/session/migrating';
import { RedisSessionStore } from '../../dist/example/redis-session-store.js';

export async function openStore({ from, to, phase }) {
  const clients = await Promise.all(
    [from, to].map((url) =>
      createClient({ url })
        .on('error', () => undefined)
        .connect(),
    ),
  );
  const [old, young] = clients.map((client) => new RedisSessionStore(client, 4000));
  const close = () => Promise.all(clients.map((client) => client.close()));
  return { store: migrating(old, young, { phase }), close };
}
