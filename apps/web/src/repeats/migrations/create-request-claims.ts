// The requests that count once, with their answers.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateRequestClaims1763769600011 implements MigrationInterface {
  readonly name = 'CreateRequestClaims1763769600011';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE IF NOT EXISTS request_claims (
        id BINARY(32) NOT NULL PRIMARY KEY,
        content BINARY(32) NOT NULL,
        proxy_key VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
        answer MEDIUMBLOB NULL,
        created_at BIGINT UNSIGNED NOT NULL,
        expires_at BIGINT UNSIGNED NOT NULL,
        KEY request_claims_expires_at (expires_at)
      ) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE IF EXISTS request_claims');
  }
}
