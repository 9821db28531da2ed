// The counters of wrong logins and of registrations.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateThrottles1763769600003 implements MigrationInterface {
  readonly name = 'CreateThrottles1763769600003';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE IF NOT EXISTS throttles (
        name VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
        points INT NOT NULL,
        expires_at BIGINT UNSIGNED NOT NULL,
        KEY throttles_expires_at (expires_at)
      ) ENGINE = InnoDB`);
    await runner.query(`INSERT IGNORE INTO leases (name, holder, until) VALUES ('housekeeping', '', 0)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE IF EXISTS throttles');
  }
}
