// Lets the statements of a migration run again: MySQL has no ADD COLUMN IF NOT EXISTS, and TypeORM generates no IF NOT EXISTS.
import { QueryFailedError, type QueryRunner } from 'typeorm';

/** What MySQL answers when there is already what is to be added, or nothing left of what is to be dropped. */
const DONE_BEFORE = new Set([
  1050, // ER_TABLE_EXISTS_ERROR
  1051, // ER_BAD_TABLE_ERROR
  1060, // ER_DUP_FIELDNAME
  1061, // ER_DUP_KEYNAME
  1091, // ER_CANT_DROP_FIELD_OR_KEY
  1826, // ER_FK_DUP_NAME
]);

/**
 * Runs the work. A statement of it that adds what exists, or drops what does not, counts as done: another process, or an earlier
 * try that ended half-way, has run it. MySQL runs a statement that changes tables wholly or not at all.
 */
export async function repeatable(runner: QueryRunner, work: () => Promise<void>): Promise<void> {
  const own = runner.query.bind(runner);
  const query = own as (...statement: readonly unknown[]) => Promise<unknown>;
  runner.query = (async (...statement: readonly unknown[]) => {
    try {
      return await query(...statement);
    } catch (error) {
      if (!(error instanceof QueryFailedError)) throw error;
      if (!DONE_BEFORE.has((error.driverError as { errno: number }).errno)) throw error;
      return undefined;
    }
  }) as QueryRunner['query'];
  try {
    await work();
  } finally {
    runner.query = own;
  }
}
