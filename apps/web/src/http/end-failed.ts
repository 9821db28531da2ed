// Ends a request whose handler failed when nobody could answer for it any more.
import type { Response } from 'express';
import { STATUS_CODES } from 'node:http';
import type { Exchange } from './current-request.js';
import type { ErrorAnswer } from './error-answers.js';

/**
 * - `answered`: with the given answer;
 * - `broken-off`: a part of another answer had left, and its connection was destroyed;
 * - `left`: the handler had ended its answer, or the client has gone.
 */
export type Ending = 'answered' | 'broken-off' | 'left';

/** How long the client may take to read the answer and close its side. */
const lingerMs = 1_000;

/**
 * Sends this answer where not a byte of another has left, else destroys the connection: nobody may take a part for the whole.
 * It is final, and past everything that wraps the response: no session is committed for it, and whatever the handler does to
 * the response from then on is lost, as after a client has left.
 */
export function endFailed(exchange: Exchange, answer: () => ErrorAnswer): Ending {
  const { request, response } = exchange;
  if (response.destroyed || response.writableEnded) return 'left';
  const { socket } = response;
  if (!socket?.writable || hasBegun(exchange)) {
    // Node keeps what is written in one turn together. Without a byte of it the proxy would take the server for a dead one, and
    // have the request run on the next one.
    while (socket && socket.writableCorked > 0) socket.uncork();
    response.destroy();
    return 'broken-off';
  }
  const final = answer();
  response.statusCode = final.status;
  socket.end(onTheWire(final, exchange));
  // A connection that is closed with something unread is reset, and its last answer may be lost.
  request.resume();
  setTimeout(() => socket.destroy(), lingerMs).unref();
  return 'answered';
}

/**
 * Not `headersSent`, which says that the handler has begun: its head may still wait, for a body or for its session. The bytes of
 * the connection count early hints as well, which are no answer.
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
