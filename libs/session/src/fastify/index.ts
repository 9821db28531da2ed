// @roam/session/fastify: the sessions as a Fastify plugin.
import type { FastifyInstance } from 'fastify';
import type { Session } from '../core/session.js';
import type { SessionManager } from '../manager.js';
import { installSessions } from './install.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Undefined after `session.destroy`. */
    session?: Session | undefined;
    /** The session's public id: not a secret. */
    sessionID?: string | undefined;
  }
}

export interface SessionPluginOptions {
  readonly manager: SessionManager;
}

/**
 * Fastify plugin that puts the session at `request.session` and commits it before the first byte of the response:
 * `app.register(sessions, { manager })`. Every route of the instance has it, also routes of plugins within.
 * Register it behind what serves static files, and before everything that uses sessions.
 * @throws SessionUsageError at the start of the server, over HTTP/2 or beside another plugin with sessions
 */
export async function sessions(app: FastifyInstance, { manager }: SessionPluginOptions): Promise<void> {
  installSessions(app, manager);
}

// As fastify-plugin does: the instance that registers the plugin has the sessions, not a child of it.
Object.assign(sessions, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: '@roam/session/fastify',
});
