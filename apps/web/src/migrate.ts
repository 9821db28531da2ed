// Brings the tables up to date, once and before the servers start. Several may run it at once.
import { sessionTables } from '@roam/session/mysql';
import { DataSource } from 'typeorm';
import { loadConfig } from './config/load.js';
import { connectCluster, untilItWorks } from './database/connect.js';
import { dataSourceOptions } from './database/data-source.js';
import { exitOnFailure } from './lifecycle/process.js';
import { rootLogger } from './logging/logging.js';

const config = loadConfig();
const logger = rootLogger(config);
const statementTimeoutMs = 20_000;

await exitOnFailure(logger, async () => {
  const cluster = await connectCluster(config, logger, statementTimeoutMs);
  // Every statement can be repeated: whoever was faster, and whatever failed half way, the next try finds it done.
  await untilItWorks(
    'the migrations',
    async () => {
      const source = await new DataSource(dataSourceOptions(cluster, statementTimeoutMs)).initialize();
      try {
        const done = await source.runMigrations();
        for (const { name } of done) logger.info({ migration: name }, 'migrated');
      } finally {
        await source.destroy();
      }
      for (const statement of sessionTables) await cluster.write(statement, [], { everywhere: true });
    },
    logger,
  );
  logger.info('the tables are up to date');
  await cluster.close();
});
