// Deactivated accounts.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class AddDeactivation1763769600007 implements MigrationInterface {
  readonly name = 'AddDeactivation1763769600007';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE users ADD COLUMN deactivated_at DATETIME(3) NULL');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE users DROP COLUMN deactivated_at');
  }
}
