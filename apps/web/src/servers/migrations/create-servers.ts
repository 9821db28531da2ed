// The web servers, for /cluster.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateServers1763769600001 implements MigrationInterface {
  readonly name = 'CreateServers1763769600001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE IF NOT EXISTS servers (
        name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
        since BIGINT UNSIGNED NOT NULL
      ) ENGINE = InnoDB`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE IF EXISTS servers');
  }
}
