// Answers requests that Node's HTTP parser refuses: headers too large, or not HTTP at all.
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { limits } from '../config/limits.js';
import { answerOn, type SocketAnswer } from './socket-answer.js';

const answers: Record<string, SocketAnswer> = {
  HPE_HEADER_OVERFLOW: {
    status: 431,
    code: 'headers_too_large',
    message: `The request headers are larger than ${limits.headerBytes} bytes. Please delete this site's cookies and try again.`,
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    code: 'request_timeout',
    message: `The request did not arrive within ${limits.receiveMs / 1_000} s. Please send it again.`,
  },
};
const notHttp: SocketAnswer = { status: 400, code: 'bad_request', message: 'The request is not valid HTTP.' };

export function answerClientErrors(server: Server): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
    answerOn(socket, answers[error.code ?? ''] ?? notHttp);
  });
}
