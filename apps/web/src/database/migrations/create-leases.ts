// Leases: the right of one web server to a job.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateLeases1763769600002 implements MigrationInterface {
  readonly name = 'CreateLeases1763769600002';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE IF NOT EXISTS leases (
        name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
        holder VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
        until BIGINT UNSIGNED NOT NULL
      ) ENGINE = InnoDB`);
    await runner.query(`INSERT IGNORE INTO leases (name, holder, until) VALUES ('session-cleanup', '', 0)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE IF EXISTS leases');
  }
}
