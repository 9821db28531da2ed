// The whole stack with a web app of a few lines: nginx's failover, one server's own address, what a failed start says.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createConnection } from 'mysql2/promise';
import { startStack } from './stack.js';
import type { Stack, WebServer } from './types.js';

jest.setTimeout(120_000);

/** Answers with what it was asked; `/fail` is a 503, `/die` ends the process in the middle of the request. */
const MAIN = `
  import { createServer } from 'node:http';
  const { PORT, METRICS_PORT, SERVER_NAME, SESSION_SECRETS, DATABASE_URLS, SYNC_PEERS } = process.env;
  let seen = 0;
  const site = createServer((request, response) => {
    seen++;
    if (request.url.startsWith('/die')) process.kill(process.pid, 'SIGKILL');
    response.writeHead(request.url.startsWith('/fail') ? 503 : 200, { 'x-served-by': SERVER_NAME });
    response.end(JSON.stringify({ url: request.url, method: request.method, headers: request.headers, seen, secret: SESSION_SECRETS.length, databases: DATABASE_URLS, peers: SYNC_PEERS }));
  });
  site.keepAliveTimeout = 75_000;
  site.listen(Number(PORT), '127.0.0.1');
  createServer((request, response) => response.end()).listen(Number(METRICS_PORT), '127.0.0.1');
`;

interface Echo {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly seen: number;
  readonly secret: number;
  readonly databases: string;
  readonly peers: string;
}

let dir: string;
let stack: Stack;

/** A folder with an app whose migrations are this script. */
function app(migrate: string): string {
  const folder = mkdtempSync(join(dir, 'app-'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  writeFileSync(join(folder, 'main.js'), MAIN);
  writeFileSync(join(folder, 'migrate.js'), migrate);
  return folder;
}

async function ask(url: string, init?: RequestInit): Promise<{ status: number; server: string | null; echo: Echo }> {
  const response = await fetch(url, init);
  return {
    status: response.status,
    server: response.headers.get('x-served-by'),
    echo: (await response.json()) as Echo,
  };
}

const server = (name: string): WebServer => {
  const found = stack.servers.find((one) => one.name === name);
  if (!found) throw new Error(`No ${name}`);
  return found;
};

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'stack-'));
  stack = await startStack({ servers: 3, topology: 'single', links: true, app: app("console.log('migrated')") });
});
afterAll(async () => {
  await stack.stop();
  rmSync(dir, { recursive: true, force: true });
});

describe('nginx before the web servers', () => {
  it('uses all of them, tells them who asks, and believes nothing of that from the client', async () => {
    const answers = await Promise.all(
      Array.from({ length: 12 }, () =>
        ask(stack.url, { headers: { 'x-forwarded-for': '6.6.6.6', 'x-request-id': 'mine' } }),
      ),
    );
    expect(new Set(answers.map((answer) => answer.server))).toEqual(new Set(['web1', 'web2', 'web3']));
    const echo = answers[0]?.echo;
    expect(echo?.headers).toMatchObject({
      host: new URL(stack.url).host,
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-request-id': expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    expect(echo?.headers).not.toHaveProperty('x-forwarded-prefix');
    expect(echo?.secret).toBeGreaterThanOrEqual(32);
  });

  it('reaches one server by its name, with the path as the client wrote it', async () => {
    for (const { name } of stack.servers) {
      const { server: by, echo } = await ask(`${stack.url}/_server/${name}/a%2Fb/c?d=%20e`);
      expect(by).toBe(name);
      expect(echo.url).toBe('/a%2Fb/c?d=%20e');
      expect(echo.headers['x-forwarded-prefix']).toBe(`/_server/${name}`);
    }
    const bare = await fetch(`${stack.url}/_server/web2`, { redirect: 'manual' });
    expect(bare.status).toBe(308);
    expect((await fetch(`${stack.url}/_server/web9/`)).status).not.toBe(308);
  });

  it('takes a 503 as final', async () => {
    const before = await Promise.all(stack.servers.map(async ({ url }) => (await ask(url)).echo.seen));
    expect((await fetch(`${stack.url}/fail`)).status).toBe(503);
    const after = await Promise.all(stack.servers.map(async ({ url }) => (await ask(url)).echo.seen));
    // One for each question here, and one for the request.
    expect(after.reduce((a, b) => a + b, 0) - before.reduce((a, b) => a + b, 0)).toBe(stack.servers.length + 1);
  });

  it('moves on when a server is killed, and uses it again after its restart', async () => {
    await server('web1').kill();
    for (let i = 0; i < 12; i++) expect((await ask(stack.url, { method: 'POST' })).server).not.toBe('web1');
    expect((await fetch(`${stack.url}/_server/web1/api/x`)).status).toBe(503);
    await server('web1').start();
    const by = new Set<string | null>();
    for (let i = 0; i < 400 && !by.has('web1'); i++) {
      by.add((await ask(stack.url)).server);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    expect(by).toContain('web1');
  });

  it('moves on, also with a POST, when a server is frozen, within the time budget', async () => {
    server('web2').freeze();
    try {
      for (let i = 0; i < 6; i++) {
        const start = performance.now();
        const { status, server: by } = await ask(stack.url, { method: 'POST' });
        expect(status).toBe(200);
        expect(by).not.toBe('web2');
        // The first takes 1.9 s; a machine may stand still meanwhile.
        expect(performance.now() - start).toBeLessThan(5000);
      }
    } finally {
      server('web2').thaw();
    }
  });

  it('says 503 with a reason when every server dies of the request', async () => {
    const response = await fetch(`${stack.url}/die`);
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('1');
    for (const one of stack.servers) {
      // Waits for its end: `start` does nothing for a process whose end has not been heard of yet.
      await one.kill();
      await one.start();
    }
  });
});

describe('the links of a stack', () => {
  it('are what each web server is told instead of the databases and the other servers', async () => {
    const [one, two] = await Promise.all(['web1', 'web2'].map(async (name) => (await ask(server(name).url)).echo));
    if (!one || !two) throw new Error('No answer');
    for (const { databases, peers } of [one, two]) {
      expect(stack.databases.urls).not.toContain(databases);
      expect(peers.split(',').filter((peer) => stack.settings.SYNC_PEERS?.includes(peer))).toHaveLength(1);
    }
    const reaches = (url: string) =>
      createConnection({ uri: url, connectTimeout: 5000 }).then(
        (connection) => connection.end().then(() => true),
        () => false,
      );
    stack.links.of('web1').cut();
    expect(await Promise.all([one.databases, two.databases].map(reaches))).toEqual([false, true]);
    await stack.links.of('web1').heal();
    expect(await reaches(one.databases)).toBe(true);
  });
});

describe('a start that fails', () => {
  it('names the port that is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    await expect(startStack({ port, app: app('') })).rejects.toThrow(`Port ${port} is in use`);
    other.close();
  });

  it('shows what the migrations printed', async () => {
    const broken = app("console.log('table users is missing'); process.exit(7)");
    const starting = startStack({ servers: 1, topology: 'single', app: broken });
    await expect(starting).rejects.toThrow(/The migrations failed \(exit code 7\).*:\ntable users is missing/);
  });

  it('says what to do when the app is not built', async () => {
    await expect(startStack({ app: join(dir, 'nothing') })).rejects.toThrow('npm run build');
  });
});
