// Notes, and their pictures. No foreign keys: what belongs to a note or to a user is deleted by the step that deletes these.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateNotes1763769600020 implements MigrationInterface {
  readonly name = 'CreateNotes1763769600020';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE IF NOT EXISTS notes (
        id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
        user_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
        title VARCHAR(200) NOT NULL,
        body TEXT NOT NULL,
        picture_hash CHAR(43) CHARACTER SET ascii COLLATE ascii_bin NULL,
        created_at DATETIME(3) NOT NULL,
        KEY notes_user (user_id, id)
      ) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4`);
    await runner.query(`
      CREATE TABLE IF NOT EXISTS note_pictures (
        note_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
        user_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
        type VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
        content MEDIUMBLOB NOT NULL,
        KEY note_pictures_user (user_id)
      ) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE IF EXISTS note_pictures');
    await runner.query('DROP TABLE IF EXISTS notes');
  }
}
