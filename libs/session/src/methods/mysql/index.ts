// @roam/session/mysql: sessions in MySQL.
export { MysqlSessionStore } from './mysql-session-store.js';
export type { SessionDatabase, TransactionalDatabase } from './session-database.js';
export { sessionTables } from './schema.js';
