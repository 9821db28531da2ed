// The audit log. No foreign keys: an event outlives the account that it is about.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateAuditEvents1763769600004 implements MigrationInterface {
  readonly name = 'CreateAuditEvents1763769600004';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE IF NOT EXISTS audit_events (
        id BINARY(16) NOT NULL PRIMARY KEY,
        at DATETIME(3) NOT NULL,
        event VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
        user_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NULL,
        account CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
        ip VARCHAR(45) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
        server VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
        request_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
        details JSON NOT NULL,
        KEY audit_events_at (at),
        KEY audit_events_user (user_id, at)
      ) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE IF EXISTS audit_events');
  }
}
