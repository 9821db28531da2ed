// The hashes of the tokens in e-mails; when the address of an account was confirmed.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateAccountTokens1763769600005 implements MigrationInterface {
  readonly name = 'CreateAccountTokens1763769600005';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE IF NOT EXISTS account_tokens (
        hash BINARY(32) NOT NULL PRIMARY KEY,
        purpose VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
        user_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
        email VARCHAR(254) COLLATE utf8mb4_bin NOT NULL,
        end_sessions BOOLEAN NOT NULL,
        expires_at BIGINT UNSIGNED NOT NULL,
        claimed_by VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
        KEY account_tokens_user (user_id, purpose),
        KEY account_tokens_expires_at (expires_at)
      ) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4`);
    await runner.query('ALTER TABLE users ADD COLUMN email_verified_at DATETIME(3) NULL');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE users DROP COLUMN email_verified_at');
    await runner.query('DROP TABLE IF EXISTS account_tokens');
  }
}
