// Ends a request whose handler failed outside of the normal error handling.
import type { Response } from 'express';
import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Exchange } from './current-request.js';

export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The answers to errors, as `ErrorAnswers` makes them. */
export interface Answers {
  to(error: unknown, request: IncomingMessage): ErrorAnswer;
}

/**
 * - `answered`: with the given answer;
 * - `broken-off`: a part of another answer was sent, and the connection was destroyed;
 * - `left`: the handler had ended its answer, or the client has closed the connection.
 */
export type Ending = 'answered' | 'broken-off' | 'left';

/** How long the client may take to read the answer and close its side. */
const lingerMs = 1_000;

/**
 * Sends this answer if no byte of another one was sent, else destroys the connection: a client must not take a part for
 * the whole. The answer is final and bypasses everything that wraps the response: no session is committed. Later calls
 * of the handler have no effect, as after a client has closed the connection.
 */
export function endFailed(exchange: Exchange, answer: () => ErrorAnswer): Ending {
  const { request, response } = exchange;
  if (response.destroyed || response.writableEnded) return 'left';
  const { socket } = response;
  if (!socket?.writable || hasBegun(exchange)) {
    // Node sends the writes of one tick together. If not a byte of them arrives, the proxy takes the server for dead
    // and runs the request on the next one.
    while (socket && socket.writableCorked > 0) socket.uncork();
    response.destroy();
    return 'broken-off';
  }
  const final = answer();
  response.statusCode = final.status;
  socket.end(onTheWire(final, exchange));
  // A connection that is closed with unread data is reset, and its last answer may be lost.
  request.resume();
  setTimeout(() => socket.destroy(), lingerMs).unref();
  return 'answered';
}

/**
 * `headersSent` is not enough: it is true once the handler has begun, while its head may still wait for a body or for
 * the session. The bytes of the connection include early hints, which are no answer.
 */
function hasBegun({ response, sentBefore }: Exchange): boolean {
  const { _headerSent } = response as Response & { readonly _headerSent: boolean };
  return _headerSent && response.socket!.bytesWritten > sentBefore;
}

function onTheWire({ status, headers, body }: ErrorAnswer, { request, headers: common }: Exchange): string {
  const own = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
  const all = {
    ...common,
    ...(Object.fromEntries(own) as Record<string, string>),
    date: new Date().toUTCString(),
    connection: 'close',
    'content-length': String(Buffer.byteLength(body)),
  };
  const lines = Object.entries(all).flatMap(([name, value]) =>
    [value ?? []].flat().map((each) => `${name}: ${each}\r\n`),
  );
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n`;
  return request.method === 'HEAD' ? head : head + body;
}
