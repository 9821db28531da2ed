// What of a request decides about its session.
import type { IncomingMessage } from 'node:http';
import type { Incoming } from '../carriers/carrier.js';
import { parseCookies } from '../carriers/cookies.js';

/** @param https whether the request came by https, where the caller knows that better than the request */
export function incomingOf(request: IncomingMessage, https = isHttps(request)): Incoming {
  const { headers } = request;
  return { cookies: parseCookies(headers.cookie), headers, isHttps: https };
}

interface Known {
  readonly secure?: boolean;
  readonly protocol?: string;
}

/** Express knows what a trusted proxy says, and so does Fastify, whose middleware finds it as `protocol`. */
function isHttps({ secure, protocol, socket }: IncomingMessage & Known): boolean {
  if (secure !== undefined) return secure;
  return protocol === undefined ? 'encrypted' in socket : protocol === 'https';
}
