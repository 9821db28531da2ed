// roam's session module with each of its methods, as an app uses it.
import { MysqlCluster } from '@roam/mysql-cluster';
import { MemorySessionStore } from '@roam/session';
import { CookieSessions, MysqlRevocationList, revocationTables } from '@roam/session/cookie';
import { FileSessionStore } from '@roam/session/file';
import { MysqlSessionStore, sessionTables } from '@roam/session/mysql';
import { SessionModule } from '@roam/session/nest';
import { SyncSessionStore } from '@roam/session/sync';
import { RedisSessionStore } from '../../../libs/session/dist/example/redis-session-store.js';
import { answerOf, contentOf, newUserId } from './content.mjs';
import { sessionHandlers } from './session-handlers.mjs';

/** The routes over the session module with this store. */
function withStore(store, { secret }, close) {
  const signIn = ({ session, query }) => {
    const userId = newUserId();
    return answerOf(Object.assign(session.bind({ userId, epoch: 0 }), contentOf(userId, query.size)));
  };
  const regenerate = ({ session }) => session.regenerate();
  const imports = [SessionModule.forRoot({ store, secrets: [secret], secure: false })];
  return { imports, ...sessionHandlers({ signIn, regenerate, close }) };
}

async function connect({ urls, connectionsPerNode }, tables) {
  // Longer deadlines than an app's: on a busy machine the limit, too, waits.
  const deadlines = { readTimeoutMs: 5000, writeTimeoutMs: 5000 };
  const cluster = await MysqlCluster.connect({ urls, connectionsPerNode, ...deadlines });
  for (const statement of tables) await cluster.write(statement, [], { everywhere: true });
  return cluster;
}

export const memory = async (settings) => withStore(new MemorySessionStore(), settings);

export async function mysql(settings) {
  const cluster = await connect(settings, sessionTables);
  return withStore(new MysqlSessionStore(cluster), settings, () => cluster.close());
}

export async function cookie(settings) {
  const cluster = await connect(settings, revocationTables);
  const revocations = await MysqlRevocationList.open({ database: cluster });
  const store = new CookieSessions({
    secrets: [settings.secret],
    audience: 'http://127.0.0.1',
    revocations,
    lifetimeMs: 30 * 24 * 3_600_000,
  });
  return withStore(store, settings, async () => {
    revocations.close();
    await cluster.close();
  });
}

export async function sync(settings) {
  const { name, port, peers, secret } = settings;
  const store = await SyncSessionStore.open({
    serverName: name,
    listen: { host: '127.0.0.1', port },
    peers,
    security: { secret },
  });
  return withStore(store, settings, () => store.close());
}

export async function file(settings) {
  const { name, dirs, secret } = settings;
  // A longer deadline than an app's: on a busy machine a mount is not to blame.
  const store = await FileSessionStore.open({ dirs, serverName: name, secrets: [secret], deadlineMs: 5000 });
  return withStore(store, settings, () => store.close());
}

/** The store of docs/write-a-session-store.md. */
export async function redis(settings) {
  const { connectRedis } = await import('../peers/connect-redis.mjs');
  const client = await connectRedis(settings.redis);
  return withStore(new RedisSessionStore(client, 5000), settings, () => client.close());
}
