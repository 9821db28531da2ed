// @roam/session: pluggable sessions for several servers.
export * from './errors.js';
export { MemorySessionStore, SharedMemory } from './memory/memory-session-store.js';
export { SessionManager, type SessionSummary } from './manager.js';
export { failureStatus, sessionMiddleware, type SessionRequest } from './http/middleware.js';
export * from './options.js';
export type { Bearer, SessionInfo } from './request-session.js';
export { Session, type SessionCookie } from './session.js';
export * from './store.js';
export type { Upcaster } from './codec.js';
