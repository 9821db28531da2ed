// The metrics port is for programs: a web page reaches nothing of it.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Metrics } from './metrics.js';
import { startMetricsServer } from './metrics-server.js';
import { Readiness } from './readiness.js';

let server: Server;
let port: number;
beforeAll(async () => {
  const readiness = new Readiness();
  server = await startMetricsServer(0, '127.0.0.1', ['web1.internal.example'], new Metrics(readiness), readiness);
  port = (server.address() as AddressInfo).port;
});
afterAll(() => void server.close());

function ask(path: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) =>
    httpRequest({ host: '127.0.0.1', port, path, headers: { Connection: 'close', ...headers } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .once('error', reject)
      .end(),
  );
}

describe('the metrics port', () => {
  it.each([
    ['a name that leads here (DNS rebinding)', { Host: 'evil.example:9464' }],
    ['a name that begins as a right one', { Host: 'localhost.evil.example' }],
    ['a name that ends as a right one', { Host: 'evil-web1.internal.example' }],
    ['two names', { Host: 'localhost, evil.example' }],
    ['a script of another origin', { Host: 'localhost:9464', Origin: 'http://evil.example' }],
    ['a sandboxed page', { Host: 'localhost:9464', Origin: 'null' }],
    ['an image of another site', { Host: 'localhost:9464', 'Sec-Fetch-Site': 'cross-site' }],
    ['a page at another port', { Host: 'localhost:9464', 'Sec-Fetch-Site': 'same-site' }],
  ])('refuses a web page: %s', async (_what, headers) => {
    for (const path of ['/metrics', '/healthz', '/readyz']) expect(await ask(path, headers)).toBe(403);
  });

  it.each(['localhost:9464', '127.0.0.1', '10.0.0.7:9464', '[::1]:9464', 'web:9464', 'WEB1.internal.example:9464'])(
    'serves a program that calls it %s',
    async (Host) => {
      expect(await ask('/metrics', { Host })).toBe(200);
      expect(await ask('/healthz', { Host })).toBe(200);
    },
  );
});
