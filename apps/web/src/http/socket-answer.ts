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
  const body = JSON.stringify({ error: { code, message } });
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Connection: close',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(retryAfterSeconds === undefined ? [] : [`Retry-After: ${retryAfterSeconds}`]),
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
