// Brings the tables up to date, once and before the servers start.
import { loadConfig } from './config/load.js';
import { migrate } from './database/migrate.js';
import { migrations } from './features.js';
import { exitOnFailure } from './lifecycle/process.js';
import { rootLogger } from './logging/logging.js';

const config = loadConfig();
const logger = rootLogger(config);

await exitOnFailure(logger, async () => {
  await migrate(config, logger, migrations);
  logger.info('all migrations are applied: the database tables are up to date');
});
