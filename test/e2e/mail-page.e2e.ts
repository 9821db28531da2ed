// The page of caught mails in containers: what a web page of somebody else tries, against deploy/mail's nginx.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startNginx, type OwnNginx } from '@roam/local-stack';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

jest.setTimeout(60_000);

let catcher: Server;
let nginx: OwnNginx;
let port: number;

beforeAll(async () => {
  // As Maildev does: every page is welcome, also on a connection for events.
  catcher = createServer((request, response) => {
    const { origin = '*' } = request.headers;
    response.setHeader('Access-Control-Allow-Origin', origin);
    response.setHeader('Access-Control-Allow-Credentials', 'true');
    response.end('a secret link');
  });
  catcher.on('upgrade', (_request, socket) =>
    socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'),
  );
  catcher.listen(0, '127.0.0.1');
  await once(catcher, 'listening');
  const { port: inside } = catcher.address() as AddressInfo;
  const [maps, rules] = ['catcher.conf', 'catcher-server.conf'].map((name) =>
    readFileSync(`deploy/mail/${name}`, 'utf8'),
  );
  nginx = await startNginx(
    (own) => `${maps}\nserver { listen 127.0.0.1:${own}; set $catcher 127.0.0.1:${inside}; ${rules} }`,
  );
  port = Number(new URL(nginx.url).port);
}, 180_000);
afterAll(async () => {
  await nginx?.stop();
  catcher.close().closeAllConnections();
});

function ask(headers: Record<string, string>, method = 'GET'): Promise<IncomingMessage & { text: string }> {
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port,
      path: '/api/email',
      method,
      headers: { Connection: 'close', ...headers },
    };
    httpRequest(options, (response) => {
      let text = '';
      response.on('data', (bytes: Buffer) => (text += bytes.toString()));
      response.once('end', () => resolve(Object.assign(response, { text })));
    })
      .once('upgrade', (response, socket) => {
        socket.destroy();
        resolve(Object.assign(response, { text: '' }));
      })
      .once('error', reject)
      .end();
  });
}

const own = () => `localhost:${port}`;
const socket = { Connection: 'Upgrade', Upgrade: 'websocket' };

describe('the page of caught mails', () => {
  it.each([
    ['a name that leads here (DNS rebinding)', { Host: 'evil.example' }],
    ['such a name with our port', { Host: 'evil.example:1080', Origin: 'http://evil.example:1080' }],
    ['a name that begins as ours', { Host: 'localhost.evil.example' }],
    ['a name that ends as ours', { Host: 'evil.localhost.example' }],
    ['a script of another site', { Origin: 'https://evil.example' }],
    ['a script of another port', { Origin: 'http://localhost:8080' }],
    ['a sandboxed page', { Origin: 'null' }],
    ['an image of another site', { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'no-cors' }],
    ['a script that another port embeds', { 'Sec-Fetch-Site': 'same-site', 'Sec-Fetch-Mode': 'no-cors' }],
    ['a form of another site', { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate' }, 'POST'],
    ['a socket of another site', { ...socket, Origin: 'http://evil.example' }],
    ['a socket of a name that leads here', { ...socket, Host: 'evil.example', Origin: 'http://evil.example' }],
  ])('shows nothing to %s', async (_what, headers: Record<string, string>, method = 'GET') => {
    const answer = await ask({ Host: own(), ...headers }, method);
    expect([answer.statusCode, answer.text]).toEqual([403, expect.not.stringContaining('secret')]);
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
  });

  it.each<[string, () => Record<string, string>]>([
    ['a program', () => ({ Host: own() })],
    ['its reader, by the address', () => ({ Host: `127.0.0.1:${port}`, 'Sec-Fetch-Site': 'none' })],
    ['its own scripts', () => ({ Host: own(), Origin: `http://${own()}`, 'Sec-Fetch-Site': 'same-origin' })],
    ['a link', () => ({ Host: own(), 'Sec-Fetch-Site': 'same-site', 'Sec-Fetch-Mode': 'navigate' })],
  ])('shows the mails to %s, and lets nobody else read the answer', async (_what, headers) => {
    const { statusCode, text, headers: answered } = await ask(headers());
    expect([statusCode, text]).toEqual([200, 'a secret link']);
    for (const name of ['origin', 'credentials']) expect(answered[`access-control-allow-${name}`]).toBeUndefined();
    expect(answered).toMatchObject({ 'cross-origin-resource-policy': 'same-origin', 'x-frame-options': 'SAMEORIGIN' });
  });

  it('has its own socket', async () => {
    expect((await ask({ ...socket, Host: own(), Origin: `http://${own()}` })).statusCode).toBe(101);
  });
});

it('is published on this machine only, as is all that is not the site', () => {
  const services = readFileSync('docker-compose.yml', 'utf8').split(/^ {2}(?=[\w-]+:$)/m);
  const published = services.flatMap((service) => {
    const [, block = ''] = /^ {4}ports:\n((?: {6}- .*\n)+)/m.exec(service) ?? [];
    const name = service.slice(0, service.indexOf(':'));
    return block.split('\n').flatMap((line) => (line.trim() ? [`${name} ${line.trim().slice(2)}`] : []));
  });
  expect(published.length).toBeGreaterThanOrEqual(3);
  for (const line of published.filter((each) => !each.startsWith('nginx '))) expect(line).toMatch(/ 127\.0\.0\.1:/);
  expect(published.filter((each) => each.startsWith('nginx '))).toHaveLength(2);
});
