// The accounts. No foreign keys, which a group with several writable nodes does not allow.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateUsers1763769600000 implements MigrationInterface {
  readonly name = 'CreateUsers1763769600000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE IF NOT EXISTS users (
        id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
        email VARCHAR(254) COLLATE utf8mb4_bin NOT NULL,
        name VARCHAR(100) COLLATE utf8mb4_0900_ai_ci NOT NULL,
        password_hash VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
        roles JSON NOT NULL,
        created_at DATETIME(3) NOT NULL,
        UNIQUE KEY users_email (email)
      ) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE IF EXISTS users');
  }
}
