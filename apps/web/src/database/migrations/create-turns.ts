// The turns that transactions take whose checks hold only one after the other.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateTurns1763769600012 implements MigrationInterface {
  readonly name = 'CreateTurns1763769600012';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE IF NOT EXISTS turns (
        name VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
        taken BIGINT UNSIGNED NOT NULL
      ) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE IF EXISTS turns');
  }
}
