// What holds for the requests of one route, along the whole way: repeats, limits, streaming.
import { limits } from '../config/limits.js';
import type { RouteLimits } from './decorators.js';

/** What a handler has declared. */
export interface Declarations {
  readonly repeatable?: boolean;
  readonly notRepeatable?: boolean;
  readonly limits?: RouteLimits;
  readonly stream?: boolean;
  /** A gateway's handshakes. */
  readonly socket?: boolean;
}

export interface RoutePolicy {
  /** Whether a request may go to the next server when one that a byte of it has reached fails. */
  readonly isRepeatable: boolean;
  /** Whether the handler may have an effect: then nobody knows the outcome of a request that failed half way. */
  readonly isSafe: boolean;
  /** Milliseconds for the answer, or up to the first byte of a stream. */
  readonly timeMs: number;
  readonly bodyBytes: number;
  /** Whether bodies of every type are taken, not only JSON and forms. */
  readonly takesEveryType: boolean;
  /** Milliseconds without a byte after which nginx ends the answer. */
  readonly idleMs: number;
  readonly isStream: boolean;
  /** Whether the connection may become a WebSocket; it then counts as a stream. */
  readonly isSocket: boolean;
}

const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/** @throws {Error} when the declarations contradict each other */
export function policyOf(method: string, declared: Declarations = {}): RoutePolicy {
  const { time, body, idle } = declared.limits ?? {};
  const { stream = false, socket = false } = declared;
  const isSafe = safeMethods.has(method) && declared.notRepeatable !== true;
  if (declared.repeatable && declared.notRepeatable)
    throw new Error('it is declared @Repeatable() and @NotRepeatable(): remove one of the two');
  for (const [name, value] of Object.entries(declared.limits ?? {}))
    if (!Number.isSafeInteger(value) || value <= 0)
      throw new Error(`@Limits({ ${name}: ${value} }): give a whole number above 0, in milliseconds or bytes`);
  const isLong = time !== undefined || body !== undefined;
  const timeMs = time ?? limits.requestMs;
  return {
    isRepeatable: declared.repeatable === true || (isSafe && !isLong),
    isSafe,
    timeMs,
    bodyBytes: body ?? limits.bodyBytes,
    takesEveryType: body !== undefined,
    idleMs: Math.max(idle ?? idleOf(stream, socket), timeMs + limits.proxyMarginMs),
    isStream: stream || socket,
    isSocket: socket,
  };
}

function idleOf(stream: boolean, socket: boolean): number {
  if (socket) return limits.socketIdleMs;
  return stream ? limits.streamIdleMs : 0;
}
