// What of a request decides about its session.
import type { IncomingMessage } from 'node:http';
import type { Incoming } from '../carriers/carrier.js';
import { parseCookies } from '../carriers/cookies.js';

export function incomingOf(request: IncomingMessage): Incoming {
  const { headers } = request;
  return { cookies: parseCookies(headers.cookie), headers, isHttps: isHttps(request) };
}

/** Express knows what a trusted proxy says. */
function isHttps(request: IncomingMessage & { readonly secure?: boolean }): boolean {
  return request.secure ?? 'encrypted' in request.socket;
}
