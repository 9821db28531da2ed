// @roam/session: pluggable sessions for several servers.
export * from './core/errors.js';
export { MemorySessionStore, SharedMemory } from './methods/memory/memory-session-store.js';
export { SessionManager, type SessionSummary } from './manager.js';
export { failureStatus, sessionMiddleware, type SessionRequest } from './http/middleware.js';
export * from './core/options.js';
export type { Bearer, SessionInfo } from './core/request-session.js';
export { Session, type SessionCookie } from './core/session.js';
export * from './port/store.js';
export type { Upcaster } from './core/codec.js';
