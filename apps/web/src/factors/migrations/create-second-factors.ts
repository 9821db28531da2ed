// The second factor: the encrypted secret of an authenticator app, the last time step used and the idempotency key of
// its request, and the hashes of recovery codes.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateSecondFactors1763769600006 implements MigrationInterface {
  readonly name = 'CreateSecondFactors1763769600006';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE users ADD COLUMN totp_secret VARBINARY(64) NULL');
    await runner.query('ALTER TABLE users ADD COLUMN totp_since DATETIME(3) NULL');
    await runner.query('ALTER TABLE users ADD COLUMN totp_step INT UNSIGNED NOT NULL DEFAULT 0');
    await runner.query(
      "ALTER TABLE users ADD COLUMN totp_used_by VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT ''",
    );
    await runner.query(`
      CREATE TABLE IF NOT EXISTS recovery_codes (
        hash BINARY(32) NOT NULL PRIMARY KEY,
        user_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
        used_by VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
        KEY recovery_codes_user (user_id)
      ) ENGINE = InnoDB`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      'ALTER TABLE users DROP COLUMN totp_secret, DROP COLUMN totp_since, DROP COLUMN totp_step, DROP COLUMN totp_used_by',
    );
    await runner.query('DROP TABLE IF EXISTS recovery_codes');
  }
}
