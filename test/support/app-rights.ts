// What the web servers' database account may do, and what it may not: the same in the demo and in containers.
import { expect } from '@jest/globals';

/** Each must be refused to that account. */
export const refusedToApp = [
  'ALTER TABLE users ADD COLUMN spy INT',
  'CREATE TABLE spy (id INT PRIMARY KEY)',
  'CREATE INDEX spy ON users (name)',
  'CREATE TRIGGER spy BEFORE INSERT ON users FOR EACH ROW SET NEW.name = NEW.name',
  'CREATE VIEW spy AS SELECT 1',
  'DROP TABLE outbox',
  'TRUNCATE TABLE audit_events',
  'RENAME TABLE audit_events TO spy',
  'DELETE FROM audit_events',
  "UPDATE audit_events SET event = 'login'",
  "REPLACE INTO audit_events (id, at, event, ip, server, details) SELECT id, at, 'login', ip, server, details FROM audit_events",
  "UPDATE expired_audit_events SET id = ''",
  'DELETE FROM migrations',
  'CREATE USER spy',
  "GRANT SELECT ON roam.* TO roam@'%'",
  "ALTER USER migrator@'%' IDENTIFIED BY 'known'",
  'SELECT authentication_string FROM mysql.user',
  'SET GLOBAL super_read_only = ON',
  'SHUTDOWN',
];

/** The lines of `SHOW GRANTS`. */
export function expectUseOnly(grants: readonly string[]): void {
  const on = (table: string) => grants.filter((grant) => grant.includes(` ON \`roam\`.\`${table}\` `));
  expect(on('users')).toEqual(['GRANT INSERT, UPDATE, DELETE ON `roam`.`users` TO `roam`@`%`']);
  expect(on('audit_events')).toEqual(['GRANT INSERT ON `roam`.`audit_events` TO `roam`@`%`']);
  expect(on('expired_audit_events')).toEqual(['GRANT DELETE ON `roam`.`expired_audit_events` TO `roam`@`%`']);
  expect(on('migrations')).toEqual([]);
  expect(grants.filter((grant) => !/ ON `roam`\.`\w+` /.test(grant)).sort()).toEqual([
    'GRANT REPLICATION CLIENT ON *.* TO `roam`@`%`',
    'GRANT SELECT ON `performance_schema`.* TO `roam`@`%`',
    'GRANT SELECT ON `roam`.* TO `roam`@`%`',
  ]);
  expect(grants.join('\n')).not.toMatch(
    /\b(ALL|ALTER|CREATE|DROP|INDEX|TRIGGER|REFERENCES|EVENT|EXECUTE|GRANT OPTION|LOCK TABLES|ROUTINE|SUPER|\w+_ADMIN)\b/,
  );
}
