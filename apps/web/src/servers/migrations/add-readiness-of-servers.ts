// When each web server last announced that it is ready; the lease of their replacement.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class AddReadinessOfServers1763769600009 implements MigrationInterface {
  readonly name = 'AddReadinessOfServers1763769600009';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE servers ADD COLUMN ready_at BIGINT UNSIGNED NOT NULL DEFAULT 0');
    await runner.query(`INSERT IGNORE INTO leases (name, holder, until) VALUES ('replacement', '', 0)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DELETE FROM leases WHERE name = 'replacement'`);
    await runner.query('ALTER TABLE servers DROP COLUMN ready_at');
  }
}
