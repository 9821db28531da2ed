// The turn of each account, which a transaction takes that adds something to it; the challenge that a passkey was created for.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class AddTurnsOfAccounts1763769600015 implements MigrationInterface {
  readonly name = 'AddTurnsOfAccounts1763769600015';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE users ADD COLUMN turn BIGINT UNSIGNED NOT NULL DEFAULT 0');
    await runner.query(
      'ALTER TABLE passkeys ADD COLUMN challenge BINARY(32) NULL, ADD UNIQUE KEY passkeys_challenge (challenge)',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE passkeys DROP COLUMN challenge');
    await runner.query('ALTER TABLE users DROP COLUMN turn');
  }
}
