// @roam/session/mysql: sessions in MySQL.
export { MysqlSessionStore, type SessionDatabase } from './mysql-session-store.js';
export { sessionTables } from './schema.js';
