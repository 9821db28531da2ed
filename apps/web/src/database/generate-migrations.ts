// Writes migrations of what the entities say and the tables do not: `npm run migration:generate`.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { DataSource } from 'typeorm';
import { kebabCase, migrationText, type Statement } from './migration-text.js';

export interface GeneratedMigration {
  readonly file: string;
  readonly className: string;
  /** The file of the module that brings the entity, and is to name the migration. */
  readonly module: string | undefined;
  /** Whether it removes or changes something, which web servers of the former release still use. */
  readonly isContracting: boolean;
}

/** What one feature's tables lack. */
interface Difference {
  readonly up: Statement[];
  readonly down: Statement[];
  readonly entity: string;
}

/**
 * Compares the tables with the entities of `source`, by TypeORM's own schema builder, and writes one migration for each feature
 * whose entities differ, into its folder `migrations`. Tables without an entity are left alone. Nothing differs: no migration.
 * @param name what the migration does, as `AddColourOfNotes`
 * @param folder with the sources of the app
 * @throws {Error} if the name or a file is taken, or no source file has the entity
 */
export async function generateMigrations(
  source: DataSource,
  name: string,
  folder: string,
): Promise<GeneratedMigration[]> {
  const { upQueries, downQueries } = await source.driver.createSchemaBuilder().log();
  const reserved = await reservedWords(source);
  const texts = sourceFiles(folder).map((file) => ({ file, text: readFileSync(file, 'utf8') }));
  const differences = new Map<string, Difference>();
  const of = (sql: string): Difference => {
    const table = tableOf(sql);
    const home = texts.find(({ text }) => text.includes(`@Entity('${table}')`));
    if (!home) throw new Error(`no file in ${folder} has @Entity('${table}'): write the name of the table this way`);
    const entity = source.getMetadata(table).name;
    const found = differences.get(dirname(home.file)) ?? { up: [], down: [], entity };
    differences.set(dirname(home.file), found);
    return found;
  };
  for (const one of upQueries) of(one.query).up.push(one);
  for (const one of downQueries.toReversed()) of(one.query).down.push(one);
  const time = Date.now();
  return [...differences].map(([feature, { up, down, entity }], i) => {
    const file = join(feature, 'migrations', `${kebabCase(name)}.ts`);
    const className = `${name}${time + i}`;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, migrationText(name, className, { up, down, reserved }), { flag: 'wx' });
    const isModule = ({ file, text }: (typeof texts)[number]) =>
      file.endsWith('.module.ts') && new RegExp(`\\b${entity}\\b`).test(text);
    const isContracting = up.some(({ query }) => / (DROP|CHANGE|MODIFY) |^(DROP|RENAME) /.test(query));
    return { file, className, module: texts.find(isModule)?.file, isContracting };
  });
}

function tableOf(sql: string): string {
  const table = /\b(?:TABLE|ON) (?:`\w+`\.)?`(\w+)`/.exec(sql)?.[1];
  if (table === undefined) throw new Error(`cannot tell which table this statement changes: ${sql}`);
  return table;
}

async function reservedWords(source: DataSource): Promise<ReadonlySet<string>> {
  const rows = await source.query<{ word: string }[]>(
    'SELECT WORD AS word FROM information_schema.KEYWORDS WHERE RESERVED = 1',
  );
  return new Set(rows.map(({ word }) => word.toLowerCase()));
}

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.spec.ts'))
    .map((name) => join(folder, name));
}
