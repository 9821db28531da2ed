// @roam/session/sync: sessions in every server's memory.
export { SyncSessionStore } from './sync-session-store.js';
export type {
  LinkSecurity,
  OneWayDirection,
  SyncEvent,
  SyncLimits,
  SyncOptions,
  SyncStats,
  SyncTimings,
} from './options.js';
