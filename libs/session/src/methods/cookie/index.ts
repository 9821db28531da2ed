// @roam/session/cookie: sessions sealed in the browser's cookie.
export { CookieSessions, type CookieSessionOptions } from './cookie-sessions.js';
export { MemoryRevocationList } from './revocation/memory-revocation-list.js';
export { MysqlRevocationList, type MysqlRevocationOptions } from './revocation/mysql-revocation-list.js';
export type { RevocationList } from './revocation/revocation-list.js';
export { SyncRevocationList, type ReplicatedTombstones } from './revocation/sync-revocation-list.js';
export { revocationTables } from './revocation/schema.js';
