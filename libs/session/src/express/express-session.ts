// express-session's types as far as they are used here. Its published ones declare `request.session` for every program
// that sees them, which would clash with an app that has roam's own session there.
import type { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createRequire } from 'node:module';

/** The cookie as a store sees it: JSON, or express-session's object with the same properties. */
export interface ExpressCookie {
  originalMaxAge: number | null;
  /** As JSON a string. */
  expires?: Date | null | undefined;
}

/** A session as a store is given it, and gives it back: its content beside the cookie is any JSON. */
export interface ExpressSession {
  cookie: ExpressCookie;
}

/** What every express-session store offers: the callback comes once, with an error or with what was asked for. */
export interface ExpressStore {
  get(sid: string, callback: (error: unknown, session?: ExpressSession | null) => void): void;
  set(sid: string, session: ExpressSession, callback?: (error?: unknown) => void): void;
  destroy(sid: string, callback?: (error?: unknown) => void): void;
  touch?(sid: string, session: ExpressSession, callback?: (error?: unknown) => void): void;
}

/** express-session's base class: with it a store may be given to its `store` option. */
export interface ExpressStoreBase extends EventEmitter {
  regenerate(request: IncomingMessage, callback: (error?: unknown) => void): void;
  load(sid: string, callback: (error: unknown, session?: never) => void): void;
  // The session that it makes is express-session's own class.
  createSession(request: IncomingMessage, session: ExpressSession): never;
}

const require = createRequire(import.meta.url);

/** Of express-session, an optional peer dependency. */
export const { Store } = require('express-session') as { Store: new () => ExpressStoreBase };
