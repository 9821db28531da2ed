// Answers on a connection of which Node has made no request that can be answered, or not any more.
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

export interface SocketAnswer {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly retryAfterSeconds?: number;
}

/** Ends the connection with it. */
export function answerOn(socket: Duplex, { status, code, message, retryAfterSeconds }: SocketAnswer): void {
  const title = STATUS_CODES[status];
  const body = JSON.stringify({ error: { code, message }, type: 'about:blank', title, status });
  const head = [
    `HTTP/1.1 ${status} ${title}`,
    'Connection: close',
    'Content-Type: application/json',
    'Cache-Control: no-store',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(retryAfterSeconds === undefined ? [] : [`Retry-After: ${retryAfterSeconds}`]),
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
