// Refuses tables that work on one MySQL server and fail in Group Replication, where each INSERT would end with error 3098.
import type { QueryRunner } from 'typeorm';

export interface TableRow {
  readonly name: string;
  readonly engine: string | null;
}

/** One part of a unique key. */
export interface KeyPartRow {
  readonly table: string;
  readonly key: string;
  /** Whether it is a NOT NULL column, of which the key has the whole value. */
  readonly isWhole: number;
}

export interface ForeignKeyRow {
  readonly table: string;
  readonly key: string;
  readonly onDelete: string;
  readonly onUpdate: string;
}

/** @throws {Error} that names each table of the database which a group refuses, and the rule */
export async function assertFitsGroup(runner: Pick<QueryRunner, 'query'>): Promise<void> {
  const rows = async <T>(sql: string) => (await runner.query(sql)) as T[];
  const faults = faultsInGroup(
    await rows<TableRow>(`
      SELECT TABLE_NAME AS name, ENGINE AS engine FROM information_schema.TABLES
      WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE'`),
    await rows<KeyPartRow>(`
      SELECT TABLE_NAME AS \`table\`, INDEX_NAME AS \`key\`,
        NULLABLE <> 'YES' AND SUB_PART IS NULL AND EXPRESSION IS NULL AS isWhole
      FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND NON_UNIQUE = 0`),
    await rows<ForeignKeyRow>(`
      SELECT TABLE_NAME AS \`table\`, CONSTRAINT_NAME AS \`key\`, DELETE_RULE AS onDelete, UPDATE_RULE AS onUpdate
      FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE()`),
  );
  if (faults.length > 0) throw new Error(`Group Replication refuses these tables: ${faults.join('; ')}.`);
}

/** What a group with several writers refuses (MySQL 8.4, "Group Replication Requirements" and "Limitations"). */
export function faultsInGroup(
  tables: readonly TableRow[],
  keyParts: readonly KeyPartRow[],
  foreignKeys: readonly ForeignKeyRow[],
): string[] {
  const partial = new Set(keyParts.filter(({ isWhole }) => !Number(isWhole)).map(nameOf));
  const identified = new Set(keyParts.filter((part) => !partial.has(nameOf(part))).map(({ table }) => table));
  return [
    ...tables
      .filter(({ engine }) => engine?.toLowerCase() !== 'innodb')
      .map(({ name, engine }) => `${name} has the engine ${engine}; use InnoDB`),
    ...tables
      .filter(({ name }) => !identified.has(name))
      .map(({ name }) => `${name} has no primary key, and no unique key of NOT NULL columns; add a primary key`),
    ...foreignKeys.flatMap(({ table, key, onDelete, onUpdate }) =>
      Object.entries({ 'ON DELETE': onDelete, 'ON UPDATE': onUpdate })
        .filter(([, action]) => !['NO ACTION', 'RESTRICT'].includes(action))
        .map(([on, action]) => `${table} has the foreign key ${key} ${on} ${action}; leave out the action`),
    ),
  ];
}

function nameOf({ table, key }: KeyPartRow): string {
  return JSON.stringify([table, key]);
}
