// Brings the tables up to date. Several processes may do it at once, on any topology.
import { revocationTables } from '@roam/session/cookie';
import { sessionTables } from '@roam/session/mysql';
import type { Logger } from 'pino';
import { DataSource } from 'typeorm';
import type { Config } from '../config/config.js';
import { limits } from '../config/limits.js';
import { connectCluster, untilItWorks } from './connect.js';
import { dataSourceOptions } from './data-source.js';

/**
 * Every statement can be repeated: whoever was faster, and whatever failed half way, the next try finds it done. So
 * no lock is needed, which a group of writable nodes would not keep anyway.
 * @throws {ClusterUnavailableError} {@link StartError}
 */
export async function migrate(config: Config, logger: Logger): Promise<void> {
  const cluster = await connectCluster(config, logger, limits.migrationMs);
  const attempt = async () => {
    const source = await new DataSource(dataSourceOptions(cluster, limits.migrationMs)).initialize();
    try {
      for (const { name } of await source.runMigrations()) logger.info({ migration: name }, 'migration applied');
    } finally {
      await source.destroy();
    }
    for (const statement of [...sessionTables, ...revocationTables])
      await cluster.write(statement, [], { everywhere: true });
  };
  try {
    await untilItWorks('the migrations', attempt, logger);
  } finally {
    await cluster.close();
  }
}
