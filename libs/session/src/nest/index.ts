// @roam/session/nest: the session module as a Nest module, and sessions for gateways.
export { SessionManager } from '../manager.js';
export { UserSessions } from '../user-sessions.js';
export { SessionModule } from './session.module.js';
export { sessionOf, SocketSession, withSessions } from './gateways.js';
