// The outbox: effects outside of MySQL that a commit has promised.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateOutbox1763769600010 implements MigrationInterface {
  readonly name = 'CreateOutbox1763769600010';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE IF NOT EXISTS outbox (
        id CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
        kind VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
        content BLOB NULL,
        attempts INT UNSIGNED NOT NULL,
        due_at BIGINT UNSIGNED NULL,
        created_at BIGINT UNSIGNED NOT NULL,
        sent_at BIGINT UNSIGNED NULL,
        KEY outbox_due_at (due_at),
        KEY outbox_sent_at (sent_at)
      ) ENGINE = InnoDB`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE IF EXISTS outbox');
  }
}
