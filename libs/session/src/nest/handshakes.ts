// What a handshake knows of itself behind a proxy: as much as a request of the same app.
import type { IncomingMessage } from 'node:http';
import { Server as TlsServer } from 'node:tls';
import type { INestApplication } from '@nestjs/common';
import { SessionUsageError } from '../core/errors.js';
import type { SessionManager } from '../manager.js';

/**
 * Gives a handshake `request.secure`, `request.ip` and the rest that Express gives each request by its prototype, as
 * `trust proxy` says. No middleware sees a handshake.
 * @throws SessionUsageError for `cookie.secure: 'auto'` where the app's HTTP adapter cannot tell https from http
 */
export function handshakesOf(app: INestApplication, { options }: SessionManager): (request: IncomingMessage) => void {
  const adapter = app.getHttpAdapter();
  if (adapter.getType() === 'express') {
    const { request: prototype } = adapter.getInstance() as { readonly request: object };
    return (request) => void Object.setPrototypeOf(request, prototype);
  }
  if ((options.cookie?.secure ?? options.secure) === 'auto' && !(app.getHttpServer() instanceof TlsServer))
    throw new SessionUsageError(
      `With cookie.secure: 'auto', gateways need the Express adapter, and this app's adapter is "${adapter.getType()}", ` +
        'which does not tell for a handshake whether it came to the proxy by https. Set cookie.secure to true or false.',
    );
  return () => undefined;
}
