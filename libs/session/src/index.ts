// @roam/session: pluggable sessions for several servers.
export * from './core/errors.js';
export { MemorySessionStore, SharedMemory } from './methods/memory/memory-session-store.js';
export { SessionManager } from './manager.js';
export { UserSessions, type SessionSummary } from './user-sessions.js';
export { failureStatus } from './http/failure.js';
export { sessionMiddleware, type SessionRequest } from './http/middleware.js';
export * from './core/options.js';
export { Session, type Bearer } from './core/session.js';
export type { SessionInfo } from './core/session-info.js';
export { toJson } from './core/json-value.js';
export type { UpgradedSession } from './core/upgraded-session.js';
export type { SessionCookie } from './core/session-cookie.js';
// By a star, so that an app can add to it.
export * from './core/session-data.js';
export type {
  Found,
  Json,
  Mark,
  SessionData as SessionContent,
  SessionRecord,
  SessionSecrets,
  WriteResult,
} from './port/records.js';
export * from './port/store.js';
export * from './port/abilities.js';
export * from './carriers/carrier.js';
export { DecoratedCarried } from './carriers/decorated.js';
export { KeptCarrier } from './carriers/kept.js';
export { SealedCarrier, type SealedSessions, type Unsealed } from './carriers/sealed.js';
export type { Upcaster } from './core/codec.js';
export {
  parseCookies,
  SiteCookies,
  type CookieAttributes,
  type CookieOptions,
  type CookieSet,
  type SiteCookieOptions,
} from './carriers/cookies.js';
export type { Tokens } from './carriers/token.js';
export type { Identity } from './core/identity.js';
export type { RepeatSafety } from './core/repeat-safety.js';
export type { SessionRules } from './core/rules.js';
