// One server's MySQL store in a process of its own, for `startStores`.
import { MysqlCluster } from '@roam/mysql-cluster';
import { MysqlSessionStore } from '@roam/session/mysql';

/** @param {string[]} urls */
export async function openStore(urls) {
  const cluster = await MysqlCluster.connect({ urls, readTimeoutMs: 2000, writeTimeoutMs: 4000 });
  return { store: new MysqlSessionStore(cluster), close: () => cluster.close() };
}
