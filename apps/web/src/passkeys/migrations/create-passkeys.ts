// Passkeys: the public key of each, by the hash of its id, which itself may have 1023 bytes. The last use: when it was
// requested, and the idempotency key of its request. The idempotency key of the removal.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreatePasskeys1763769600008 implements MigrationInterface {
  readonly name = 'CreatePasskeys1763769600008';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE IF NOT EXISTS passkeys (
        hash BINARY(32) NOT NULL PRIMARY KEY,
        user_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
        credential_id VARBINARY(1023) NOT NULL,
        public_key VARBINARY(2048) NOT NULL,
        counter INT UNSIGNED NOT NULL,
        transports JSON NOT NULL,
        name VARCHAR(100) COLLATE utf8mb4_0900_ai_ci NOT NULL,
        created_at DATETIME(3) NOT NULL,
        used_at DATETIME(3) NULL,
        asked_at BIGINT UNSIGNED NOT NULL DEFAULT 0,
        used_by VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
        removed_by VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
        KEY passkeys_user (user_id, created_at)
      ) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE IF EXISTS passkeys');
  }
}
