// @roam/session/types: declares `request.session` for Express. For its types only: at run time it does nothing.
import type { Session } from './core/session.js';

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace
  namespace Express {
    interface Request {
      /** Undefined after `session.destroy`, and where the middleware does not run. */
      session?: Session | undefined;
      /** The session's public id: not a secret. */
      sessionID?: string | undefined;
    }
  }
}
