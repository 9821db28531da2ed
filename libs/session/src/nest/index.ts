// @roam/session/nest: the session module as a Nest module.
export { SessionManager } from '../manager.js';
export { UserSessions } from '../user-sessions.js';
export { SessionModule } from './session.module.js';
