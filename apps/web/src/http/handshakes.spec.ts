// Handshakes of sockets over plain http, where the site's address is https.
import { afterEach, expect, it } from '@jest/globals';
import type { NestExpressApplication } from '@nestjs/platform-express';
import express from 'express';
import { once } from 'node:events';
import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { policyOf } from '../routes/policy.js';
import { RouteTable } from '../routes/route-table.js';
import { limitHandshakes } from './handshakes.js';
import { StreamLimits } from './stream-limits.js';

let server: Server;
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** The status of a handshake with a gateway at `/socket`. */
async function handshake(secure: boolean, proto: string): Promise<number | undefined> {
  const router = express().set('trust proxy', 'loopback');
  server = createServer(router);
  server.on('upgrade', (_request, socket) => {
    if (socket.writable)
      socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
  });
  const app = {
    getHttpServer: () => server,
    getHttpAdapter: () => ({ getInstance: () => router }),
    get: () => new StreamLimits(),
  } as unknown as NestExpressApplication;
  const policy = policyOf('GET', { stream: true });
  const table = new RouteTable([{ method: 'GET', path: '/socket', policy: { ...policy, isSocket: true } }]);
  limitHandshakes(app, table, secure);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const headers = { Connection: 'Upgrade', Upgrade: 'websocket', 'X-Forwarded-Proto': proto };
  return new Promise((resolve, reject) => {
    const answered = ({ statusCode }: { statusCode?: number }) => resolve(statusCode);
    httpRequest({ port, host: '127.0.0.1', path: '/socket', headers })
      .once('upgrade', answered)
      .once('response', answered)
      .once('error', reject)
      .end();
  });
}

it.each([
  [true, 'http', 403],
  [true, 'https', 101],
  [false, 'http', 101],
])('ASVS 12.2.1: a socket of a site with https: %s, over %s, is answered %i', async (secure, proto, status) => {
  expect(await handshake(secure, proto)).toBe(status);
});
