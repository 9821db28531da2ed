// Opens the sessions that the servers of the sample share, by one of the four methods.
import type { AnySessions } from '@roam/session';
import { MysqlCluster } from '@roam/mysql-cluster';
import { CookieSessions, MysqlRevocationList, revocationTables } from '@roam/session/cookie';
import { FileSessionStore } from '@roam/session/file';
import { MysqlSessionStore, sessionTables } from '@roam/session/mysql';
import { SyncSessionStore } from '@roam/session/sync';
import type { Settings } from './settings.js';

export const secrets = ['a secret of the sample, of at least 32 characters'];

interface Opened {
  readonly store: AnySessions;
  readonly close: () => Promise<void>;
}

export async function openSessions({ name, sessions }: Settings): Promise<Opened> {
  switch (sessions.method) {
    case 'file': {
      const dirs = [sessions.dir];
      const store = await FileSessionStore.open({ dirs, serverName: name, secrets, deadlineMs: 10_000 });
      return { store, close: () => store.close() };
    }
    case 'sync': {
      const listen = { host: '127.0.0.1', port: sessions.port };
      const security = { secret: secrets[0] };
      const store = await SyncSessionStore.open({ serverName: name, listen, peers: sessions.peers, security });
      return { store, close: () => store.close() };
    }
    case 'mysql':
    case 'cookie':
      return openInMysql(sessions);
  }
}

async function openInMysql({
  method,
  urls,
}: {
  readonly method: 'mysql' | 'cookie';
  readonly urls: readonly string[];
}) {
  // No database fails here: a machine that is busy for a moment is no fault.
  const cluster = await MysqlCluster.connect({ urls, readTimeoutMs: 5_000, writeTimeoutMs: 5_000 });
  for (const statement of [...sessionTables, ...revocationTables])
    await cluster.write(statement, [], { everywhere: true });
  if (method === 'mysql') return { store: new MysqlSessionStore(cluster), close: () => cluster.close() };
  const revocations = await MysqlRevocationList.open({ database: cluster });
  const store = new CookieSessions({ secrets, audience: 'sample', revocations, lifetimeMs: 30 * 86_400_000 });
  const close = async () => {
    revocations.close();
    await cluster.close();
  };
  return { store, close };
}
