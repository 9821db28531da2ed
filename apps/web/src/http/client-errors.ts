// Answers requests that Node's HTTP parser refuses: headers too large, or not HTTP at all.
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { limits } from '../config/limits.js';

const answers: Record<string, readonly [status: string, code: string, message: string]> = {
  HPE_HEADER_OVERFLOW: [
    '431 Request Header Fields Too Large',
    'headers_too_large',
    `The request headers are larger than ${limits.headerBytes} bytes. Please delete this site's cookies and try again.`,
  ],
  ERR_HTTP_REQUEST_TIMEOUT: [
    '408 Request Timeout',
    'request_timeout',
    `The request did not arrive within ${limits.receiveMs / 1_000} s. Please send it again.`,
  ],
};

export function answerClientErrors(server: Server): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
    const [status, code, message] = answers[error.code ?? ''] ?? [
      '400 Bad Request',
      'bad_request',
      'The request is not valid HTTP.',
    ];
    const body = JSON.stringify({ error: { code, message } });
    socket.end(
      `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  });
}
