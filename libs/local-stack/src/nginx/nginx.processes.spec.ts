// nginx before web servers that fail on purpose: which requests it sends to another one, and what it answers itself.
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { findNginx } from '../programs/find.js';
import { PortReservation } from '../system/ports.js';
import { makeRunDir } from '../system/run-dir.js';
import type { StackProcess } from '../types.js';
import { makeNginx } from './nginx.js';

jest.setTimeout(60_000);

type Handler = (request: IncomingMessage, response: ServerResponse) => void;
type Answer = { readonly status: number; readonly code?: string; readonly type: string | null; readonly ms: number };

const names = ['web1', 'web2', 'web3'] as const;
const serve: Handler = (request, response) => void request.resume().on('end', () => response.end('served'));
const dies: Handler = (request) => void request.resume().on('end', () => request.socket.destroy());
const hasNotBegun: Handler = (_request, response) => void response.writeHead(421).end();
const hangs: Handler = (request) => void request.resume();

const reservation = new PortReservation();
const runDir = makeRunDir();
let handlers: Partial<Record<string, Handler>> = {};
/** Who was asked, in order. */
let asked: string[] = [];
let servers: Server[] = [];
let ports: number[] = [];
let nginx: StackProcess | undefined;
let url = '';

beforeAll(async () => {
  const program = await findNginx(() => undefined);
  servers = names.map((name) =>
    createServer((request, response) => {
      asked.push(name);
      (handlers[name] ?? serve)(request, response);
    }),
  );
  for (const server of servers) await once(server.listen(0, '127.0.0.1'), 'listening');
  ports = servers.map((server) => (server.address() as AddressInfo).port);
  const port = await reservation.next();
  const upstreams = names.map((name, i) => ({ name, port: ports[i] }));
  nginx = makeNginx(program, { dir: `${runDir.path}/nginx`, port, upstreams });
  await nginx.start();
  url = `http://127.0.0.1:${port}`;
}, 180_000);
afterAll(async () => {
  await nginx?.stop();
  for (const server of servers) server.close().closeAllConnections();
  reservation.release();
  runDir.remove();
});
afterEach(async () => {
  handlers = {};
  for (const [i, server] of servers.entries())
    if (!server.listening) await once(server.listen(ports[i], '127.0.0.1'), 'listening');
  // nginx leaves a server that has failed alone for two seconds.
  await new Promise((resolve) => setTimeout(resolve, 2_100));
});

async function send(method: string, path: string, body?: string): Promise<Answer> {
  asked = [];
  const begun = performance.now();
  const response = await fetch(url + path, { method, ...(body !== undefined && { body }) });
  const text = await response.text();
  const code = /"code":"(\w+)"/.exec(text)?.[1];
  const type = response.headers.get('content-type');
  return { status: response.status, ...(code && { code }), type, ms: performance.now() - begun };
}

function refuse(...which: string[]): void {
  for (const name of which) {
    const server = servers[names.indexOf(name as never)];
    server.close();
    server.closeAllConnections();
  }
}

const all = (handler: Handler) => Object.fromEntries(names.map((name) => [name, handler]));

describe.each(['POST', 'PUT', 'PURGE'])('%s to an address that nobody has declared', (method) => {
  it('goes to another server while none has begun it: it refuses, or says so', async () => {
    refuse('web1', 'web2');
    for (let i = 0; i < 4; i += 1) expect(await send(method, '/api/orders', 'x')).toMatchObject({ status: 200 });
    handlers = { web3: hasNotBegun };
    // Nobody else is there. That is no unknown outcome, also where a server that refuses comes last.
    expect(await send(method, '/api/orders', 'x')).toMatchObject({ status: 503, code: 'unavailable' });
  });

  it('is run once when its server dies, and its client is told', async () => {
    handlers = all(dies);
    expect(await send(method, '/api/orders', 'x')).toMatchObject({ status: 502, code: 'outcome_unknown' });
    expect(asked).toHaveLength(1);
    expect(await send(method, '/orders', 'x')).toMatchObject({ status: 502, type: 'text/html' });
  });
});

describe('a request that may run once', () => {
  it('is answered by whoever can, when one server has not begun it', async () => {
    handlers = { web1: hasNotBegun };
    for (let i = 0; i < 6; i += 1) expect((await send('POST', '/api/orders', 'x')).status).toBe(200);
  });

  it('has its usual time on the second server too', async () => {
    refuse('web1', 'web2');
    handlers = { web3: hangs };
    const { status, ms } = await send('POST', '/api/orders', 'x');
    expect([status, asked]).toEqual([502, ['web3']]);
    expect(ms).toBeLessThan(4_000);
  });

  it('stays with the server that its address names', async () => {
    handlers = { web2: hasNotBegun };
    expect((await send('POST', '/_server/web2/api/orders', 'x')).status).toBe(503);
    expect(new Set(asked)).toEqual(new Set(['web2']));
  });
});

describe('a request that may be repeated', () => {
  it.each([
    ['GET', '/api/orders'],
    ['POST', '/api/login'],
    ['PUT', '/api/cart/apple'],
  ])('%s %s: goes from server to server', async (method, path) => {
    handlers = { web1: dies, web2: dies };
    for (let i = 0; i < 3; i += 1) expect((await send(method, path)).status).toBe(200);
  });

  it('is told when no server is left', async () => {
    refuse(...names);
    expect(await send('GET', '/api/me')).toMatchObject({ status: 503, code: 'unavailable', type: 'application/json' });
    expect(await send('GET', '/account')).toMatchObject({ status: 503, type: 'text/html' });
  });
});

describe('an address', () => {
  it('arrives as it was written', async () => {
    const seen: string[] = [];
    handlers = all((request, response) => (seen.push(request.url!), void response.end()));
    const paths = ['/a%2fb?c=%20d', '/_server/web1/x?y', '/_server/nobody/x', '/.route/safe', '/_server/web2/'];
    for (const path of paths) await send('GET', path);
    expect(seen).toEqual(['/a%2fb?c=%20d', '/x?y', '/_server/nobody/x', '/.route/safe', '/']);
  });

  it('of one server gets its slash, by a redirect that keeps the method', async () => {
    const { status, headers } = await fetch(`${url}/_server/web2`, { method: 'POST', redirect: 'manual' });
    expect([status, headers.get('location')]).toEqual([308, '/_server/web2/']);
  });

  it.each(['evil.example', 'evil.example:8080', 'localhost'])(
    'is never a redirect to another site: Host %s',
    async (Host) => {
      for (const path of ['/_server/web2', '/_server/evil.example', '//evil.example/_server/web2']) {
        const { hostname, port } = new URL(url);
        const headers = { Host, 'X-Forwarded-Host': Host, Connection: 'close' };
        const location = await new Promise<string | undefined>((resolve, reject) =>
          request({ hostname, port, path, headers }, (response) => resolve(response.resume().headers.location))
            .once('error', reject)
            .end(),
        );
        expect(location).toBe(
          path === '/_server/web2' ? '/_server/web2/' : path === '/_server/evil.example' ? `${path}/` : undefined,
        );
      }
    },
  );

  it('takes so many bytes as its route says, and tells programs and people', async () => {
    const large = 'x'.repeat(20_000);
    expect(await send('POST', '/api/orders', large)).toMatchObject({ status: 413, code: 'too_large' });
    expect(await send('POST', '/api/login', large)).toMatchObject({ status: 413, code: 'too_large' });
    expect(await send('POST', '/login', large)).toMatchObject({ status: 413, type: 'text/html' });
    expect(asked).toEqual([]);
  });
});
