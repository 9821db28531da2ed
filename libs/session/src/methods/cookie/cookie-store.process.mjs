// One server's cookie store in a process of its own, for `startStores`: it follows the revocation list in real MySQL.
import { MysqlCluster } from '@roam/mysql-cluster';
import { CookieSessions, MysqlRevocationList } from '@roam/session/cookie';

/** @param {{ urls: string[], store: object }} settings */
export async function openStore({ urls, store }) {
  const cluster = await MysqlCluster.connect({ urls, readTimeoutMs: 2000, writeTimeoutMs: 4000 });
  const revocations = await MysqlRevocationList.open({ database: cluster });
  return {
    store: new CookieSessions({ ...store, revocations }),
    close: async () => {
      revocations.close();
      await cluster.close();
    },
  };
}
