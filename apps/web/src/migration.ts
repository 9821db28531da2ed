// TypeORM's migrations from the command line: generates, runs and reverts them.
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DataSource } from 'typeorm';
import { loadConfig } from './config/load.js';
import { connectCluster } from './database/connect.js';
import { dataSourceOptions } from './database/data-source.js';
import { generateMigrations } from './database/generate-migrations.js';
import { assertMigrated, migrate, revertLast } from './database/migrate.js';
import { pascalCase } from './database/migration-text.js';
import { entities, migrations } from './features.js';
import { quietLogger } from './logging/logging.js';

const help = `Usage: npm run migration:generate -- NAME [FOLDER]
       npm run migration:run
       npm run migration:revert

  generate  compare the tables with the entities, and write a migration of the difference into
            the folder of the feature. NAME says what it does: AddColourOfNotes.
            FOLDER has the sources of the app (default: apps/web/src)
  run       run all migrations that have not run
  revert    take the last migration back that has run

The database is that of DATABASE_URLS and MIGRATION_DATABASE_URLS, else that of a running
"npm run dev", else a new one that ends with the command.`;

const sources = fileURLToPath(new URL('../src', import.meta.url));

const commands: Record<string, (...rest: string[]) => Promise<string>> = {
  async generate(name = '', folder = sources) {
    const migrationName = pascalCase(name);
    const config = loadConfig();
    const { urls, migrationUrls } = config.database;
    const cluster = await connectCluster(config, quietLogger(), undefined, migrationUrls ?? urls);
    const source = new DataSource(dataSourceOptions(cluster, { entities }));
    try {
      await assertMigrated(cluster, migrations).catch((error: Error) => {
        throw new Error(`The database is not up to date: ${error.message}. Run "npm run migration:run" first.`);
      });
      const generated = await generateMigrations(await source.initialize(), migrationName, folder);
      if (generated.length === 0) return 'The tables are what the entities say: there is nothing to generate.';
      return generated.map(told).join('\n');
    } finally {
      if (source.isInitialized) await source.destroy();
      await cluster.close();
    }
  },
  async run() {
    const applied = await migrate(loadConfig(), quietLogger(), migrations);
    return applied.length === 0 ? 'All migrations have run before.' : applied.map((one) => `Ran ${one}.`).join('\n');
  },
  async revert() {
    const reverted = await revertLast(loadConfig(), quietLogger(), migrations);
    return reverted === undefined ? 'No migration has run: there is nothing to revert.' : `Reverted ${reverted}.`;
  },
};

function told({ file, className, module, isContracting }: Awaited<ReturnType<typeof generateMigrations>>[number]) {
  const shown = (path: string) => relative(process.cwd(), path);
  return `Wrote ${shown(file)}. Next:
  1. Read it.${
    isContracting
      ? ' It removes or changes something: web servers of the former release must not use that any more (docs/operate.md, Upgrades).'
      : ''
  }
  2. Name it in ${module === undefined ? "the feature's module" : shown(module)}: @Migrations([${className}]).
  3. npm run migration:run`;
}

const [name = '', ...rest] = process.argv.slice(2);
if (!Object.hasOwn(commands, name) || rest.length > 2 || (name === 'generate') === (rest.length === 0)) {
  console.error(help);
  process.exitCode = 2;
} else {
  try {
    console.log(await commands[name](...rest));
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}
