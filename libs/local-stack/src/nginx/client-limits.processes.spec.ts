// nginx's limits of one client: who counts as one, what the others notice, and what a refused one is told.
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findNginx } from '../programs/find.js';
import { PortReservation } from '../system/ports.js';
import { projectDir } from '../system/project-dir.js';
import { makeRunDir } from '../system/run-dir.js';
import type { StackProcess } from '../types.js';
import { makeNginx } from './nginx.js';
import { startNginx, type OwnNginx } from './start-nginx.js';

jest.setTimeout(60_000);

interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly type: string | undefined;
  readonly text: string;
}

/** One request; `from` is the address that nginx takes the client for. */
function ask(url: string, from: string, { agent, signal }: { agent?: Agent; signal?: AbortSignal } = {}) {
  return new Promise<Answer>((resolve, reject) => {
    const asked = httpRequest(url, { agent, signal, headers: { 'X-Real-IP': from } }, (response) => {
      const { statusCode = 0, headers } = response;
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (more: string) => (text += more));
      response.once('error', reject);
      response.once('end', () =>
        resolve({ status: statusCode, retryAfter: headers['retry-after'], type: headers['content-type'], text }),
      );
    });
    asked.once('error', reject).end();
  });
}

describe('one client', () => {
  let nginx: OwnNginx;
  beforeAll(async () => {
    const http = readFileSync(join(projectDir, 'deploy/nginx/http.conf'), 'utf8');
    const maps = ['$client', '$client_site'].map((name) => {
      const [map] = new RegExp(`^map \\S+ \\${name} \\{[^}]*(?:\\}[^}]+)*?^\\}`, 'm').exec(http) ?? [];
      return map ?? '';
    });
    nginx = await startNginx(
      (port) => `${maps.join('\n')}
        set_real_ip_from 127.0.0.0/8;
        real_ip_header X-Real-IP;
        server { listen 127.0.0.1:${port}; location / { default_type text/plain; return 200 '$client $client_site'; } }`,
    );
  }, 180_000);
  afterAll(() => nginx?.stop());

  const keysOf = async (address: string) => (await ask(nginx.url, address)).text;

  it.each([
    ['192.0.2.1', '192.0.2.1 '],
    ['::ffff:192.0.2.1', '192.0.2.1 '],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201 '],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2: 2001:db8:1:'],
    ['2001:db8:1:2::', '2001:db8:1:2: 2001:db8:1:'],
    ['2001:db8:1:0:0:0:0:1', '2001:db8:1:0: 2001:db8:1:'],
    ['2001:db8::1', '2001:db8:0:0: 2001:db8:0:'],
    ['2001:db8:0:0:1::', '2001:db8:0:0: 2001:db8:0:'],
    ['2001:0:0:4:5:6:7:8', '2001:0:0:4: 2001:0:0:'],
    ['2001::5', '2001:0:0:0: 2001:0:0:'],
  ])('%s is %s', async (address, keys) => {
    expect(await keysOf(address)).toBe(keys);
  });

  it('with IPv6 has a /64 and a /48, however zeros are written', async () => {
    const group = fc.oneof(
      fc.constantFrom('0', '0', '1'),
      fc.integer({ min: 1, max: 0xffff }).map((n) => n.toString(16)),
    );
    const address = fc.tuple(fc.integer({ min: 0x2000, max: 0x3fff }), fc.array(group, { minLength: 7, maxLength: 7 }));
    await fc.assert(
      fc.asyncProperty(address, async ([first, rest]) => {
        const groups = [first.toString(16), ...rest];
        const network = (count: number) => `${groups.slice(0, count).join(':')}:`;
        expect(await keysOf(groups.join(':'))).toBe(`${network(4)} ${network(3)}`);
      }),
      { numRuns: 300 },
    );
  });
});

describe('the limits of one client', () => {
  const reservation = new PortReservation();
  const runDir = makeRunDir();
  const agent = new Agent({ keepAlive: true });
  let server: Server;
  let nginx: StackProcess | undefined;
  let url = '';
  let leave = new AbortController();
  let held = 0;

  beforeAll(async () => {
    server = createServer((request, response) => {
      if (request.url !== '/api/streams/cluster') return void response.end('served');
      held += 1;
      response.once('close', () => (held -= 1));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const port = await reservation.next();
    const upstreams = [{ name: 'web1', port: (server.address() as AddressInfo).port }];
    const options = { dir: `${runDir.path}/nginx`, port, upstreams, limitsLoopback: true, trustsLoopback: true };
    nginx = makeNginx(await findNginx(() => undefined), options);
    await nginx.start();
    url = `http://127.0.0.1:${port}`;
  }, 180_000);
  afterAll(async () => {
    agent.destroy();
    await nginx?.stop();
    server.close().closeAllConnections();
    reservation.release();
    runDir.remove();
  });
  afterEach(async () => {
    leave.abort();
    leave = new AbortController();
    while (held > 0) await sleep(20);
  });

  /** Opens so many streams and keeps them; resolves to how many of them were refused. */
  async function hold(from: string, count: number): Promise<number> {
    let refused = 0;
    const before = held;
    for (let i = 0; i < count; i++) {
      const stream = ask(`${url}/api/streams/cluster`, from, { signal: leave.signal });
      stream.then(
        ({ status }) => (refused += status === 429 ? 1 : 0),
        () => undefined,
      );
      // nginx limits a second's requests, too.
      if (i % 50 === 49) while (held - before + refused <= i) await sleep(20);
    }
    while (held - before + refused < count) await sleep(20);
    return refused;
  }

  it('refuse the 513th request at once of one address, and nobody else', async () => {
    expect(await hold('192.0.2.1', 512)).toBe(0);
    expect((await ask(`${url}/api/me`, '192.0.2.1')).status).toBe(429);
    expect((await ask(`${url}/api/me`, '192.0.2.2')).status).toBe(200);
    leave.abort();
    for (let i = 0; (await ask(`${url}/api/me`, '192.0.2.1')).status !== 200; i++) {
      expect(i).toBeLessThan(100);
      await sleep(50);
    }
  });

  it('take a /64 for one address, and allow a /48 twice as much', async () => {
    expect(await hold('2001:db8:1:2::1', 256)).toBe(0);
    expect(await hold('2001:db8:1:2:ffff::1', 256)).toBe(0);
    expect((await ask(`${url}/api/me`, '2001:db8:1:2::3')).status).toBe(429);
    expect((await ask(`${url}/api/me`, '2001:db8:1:3::1')).status).toBe(200);
    expect(await hold('2001:db8:1:4::1', 512)).toBe(0);
    expect((await ask(`${url}/api/me`, '2001:db8:1:5::1')).status).toBe(429);
    expect((await ask(`${url}/api/me`, '2001:db8:2:5::1')).status).toBe(200);
  });

  it('refuse requests that come too fast, and nobody beside them', async () => {
    let isOver = false;
    const refused: Answer[] = [];
    const flood = async (path: string) => {
      while (!isOver) {
        const answer = await ask(url + path, '2001:db8:9:1::1', { agent });
        if (answer.status === 429) refused.push(answer);
      }
    };
    const floods = ['/api/me', '/'].flatMap((path) => Array.from({ length: 25 }, () => flood(path)));
    while (!['application/json', 'text/html'].every((type) => refused.some((answer) => answer.type === type)))
      await sleep(20);
    const statuses = async (from: string) => {
      const found = new Set<number>();
      for (let i = 0; i < 30; i++) found.add((await ask(`${url}/api/me`, from)).status);
      return found;
    };
    expect(await statuses('2001:db8:9:1:ffff::2')).toContain(429);
    expect(await statuses('2001:db8:9:2::1')).toEqual(new Set([200]));
    expect(await statuses('192.0.2.9')).toEqual(new Set([200]));
    isOver = true;
    await Promise.all(floods);
    for (const { retryAfter, type, text } of refused) {
      expect(retryAfter).toBe('1');
      if (type === 'application/json')
        expect(JSON.parse(text)).toMatchObject({ error: { code: 'too_many_requests' }, status: 429 });
      else expect(text).toContain('<h1>Too many requests</h1>');
    }
  });
});

it('has no limits for loopback in a stack of this machine, unless asked to', async () => {
  const { nginxConfig } = await import('./config.js');
  const options = { dir: '/run dir', port: 1, upstreams: [] };
  expect(nginxConfig(options)).toContain('geo $is_unlimited { default 0; 127.0.0.0/8 1; ::1 1; }');
  expect(nginxConfig({ ...options, limitsLoopback: true })).toContain('geo $is_unlimited { default 0; }');
});
