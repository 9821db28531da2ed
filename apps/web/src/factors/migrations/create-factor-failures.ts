// How often the second factor of an account has failed since it was last right.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateFactorFailures1763769600013 implements MigrationInterface {
  readonly name = 'CreateFactorFailures1763769600013';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE IF NOT EXISTS factor_failures (
        user_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
        failures INT UNSIGNED NOT NULL,
        told BOOLEAN NOT NULL DEFAULT FALSE,
        unlock_mailed_at BIGINT UNSIGNED NOT NULL DEFAULT 0
      ) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE IF EXISTS factor_failures');
  }
}
