// Adds a column, repeatably: MySQL has no ADD COLUMN IF NOT EXISTS.
import type { QueryRunner } from 'typeorm';

/** Does nothing if the column exists: another process or an earlier try has added it. */
export async function addColumn(runner: QueryRunner, table: string, definition: string): Promise<void> {
  await runner.query(`ALTER TABLE ${table} ADD COLUMN ${definition}`).catch((error: unknown) => {
    // ER_DUP_FIELDNAME
    if ((error as { driverError?: { errno?: number } }).driverError?.errno !== 1060) throw error;
  });
}
