// Puts sessions into a Fastify instance. It names nothing of Fastify's types, so that the Nest module needs no Fastify.
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { SessionUsageError } from '../core/errors.js';
import { openSession, showSession, type SessionRequest } from '../http/middleware.js';
import type { SessionManager } from '../manager.js';

/** What is used of Fastify 5. */
export interface SessionHost {
  readonly initialConfig: { readonly http2?: boolean };
  hasDecorator(name: symbol): boolean;
  decorate(name: symbol, value: unknown): unknown;
  hasRequestDecorator(name: string): boolean;
  decorateRequest(name: string, value: { getter(this: HostRequest): unknown; setter?(value: unknown): void }): unknown;
  addHook(name: 'onRequest', hook: (request: HostRequest, reply: HostReply, done: Done) => void): unknown;
}

interface HostRequest {
  readonly raw: IncomingMessage & { readonly upgrade?: boolean };
  readonly protocol: string;
}

interface HostReply {
  readonly raw: ServerResponse;
  getHeaders(): Record<string, unknown>;
}

type Done = (error?: Error) => void;

const INSTALLED = Symbol.for('roam.session.fastify');

/**
 * Opens the session of each request that comes to this instance and to those within it. Installed twice, the first one
 * serves, as for the middleware.
 * @throws SessionUsageError when this instance cannot have sessions
 */
export function installSessions(host: SessionHost, manager: SessionManager): void {
  if (host.hasDecorator(INSTALLED)) return;
  if (host.initialConfig.http2)
    throw new SessionUsageError(
      'Sessions need HTTP/1.1, and this Fastify serves HTTP/2. ' +
        'Leave out its option http2; a proxy in front of it can speak HTTP/2 with browsers.',
    );
  if (host.hasRequestDecorator('session'))
    throw new SessionUsageError(
      'Another plugin of this Fastify has request.session already. Register one of the two, not both.',
    );
  host.decorate(INSTALLED, true);
  host.decorateRequest('session', {
    getter() {
      return (this.raw as SessionRequest).session;
    },
    setter(value) {
      (this as unknown as { raw: { session: unknown } }).raw.session = value;
    },
  });
  host.decorateRequest('sessionID', {
    getter() {
      return (this.raw as SessionRequest).sessionID;
    },
  });
  host.addHook('onRequest', (request, reply, done) => {
    if (request.raw.upgrade) return done(refuseAt(request));
    const view = {
      isHttps: request.protocol === 'https',
      headers: () => reply.getHeaders() as OutgoingHttpHeaders,
    };
    const next = (error?: unknown) => {
      // A property of its own, so that a handler can delete it.
      if (!error) showSession(request.raw, request);
      done(error as Error | undefined);
    };
    openSession(manager, request.raw, reply.raw, next, view);
  });
}

/** A connection that is upgraded gets no answer, with which a session could be kept. */
function refuseAt(upgraded: HostRequest): undefined {
  Object.defineProperty(upgraded, 'session', {
    get() {
      throw new SessionUsageError(
        'A connection that is upgraded has no request.session: open its session by manager.openUpgrade(request.raw).',
      );
    },
  });
}
