// The header lists of writeHead: what a handler sends is what the client gets, with or without a session.
import { createServer, get, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from '@jest/globals';
import { SessionManager } from '../manager.js';
import { MemorySessionStore } from '../methods/memory/memory-session-store.js';
import { sessionMiddleware, type SessionRequest } from './middleware.js';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

/** The header lines of this listener's answer, in their order, without those of the connection and the session's cookies. */
async function linesOf(listener: RequestListener): Promise<string[]> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return new Promise((resolve, reject) => {
    get({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' }, ({ rawHeaders }) => {
      const lines = rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${rawHeaders[at + 1]}`] : []));
      resolve(
        lines.filter((line) => !/^(Date|Connection|Keep-Alive|Transfer-Encoding|Set-Cookie: (sid|mark))/.test(line)),
      );
    }).once('error', reject);
  });
}

const list = [
  'X-One',
  '1',
  'X-Two',
  '2',
  'x-one',
  '3',
  'Cache-Control',
  'private',
  'Vary',
  '*',
  'X-Cache-Control',
  'public',
];

it.each<[string, (response: ServerResponse) => void]>([
  ['alone', () => undefined],
  ['after another header', (response) => void response.setHeader('X-Request-Id', 'kept')],
])('changes no header of a flat list that writeHead is given, %s (CVE-2025-7339)', async (_, before) => {
  const given = [...list];
  const answer = (response: ServerResponse) => {
    before(response);
    response.writeHead(200, given as unknown as Record<string, string>).end('done');
  };
  const manager = new SessionManager({ store: new MemorySessionStore(), secrets: ['s'.repeat(32)], secure: false });
  const middleware = sessionMiddleware(manager);
  const bare = await linesOf((_request, response) => answer(response));
  expect(bare).toEqual(
    expect.arrayContaining(['X-Two: 2', 'Cache-Control: private', 'Vary: *', 'X-Cache-Control: public']),
  );
  const withSession = await linesOf((request, response) =>
    middleware(request, response, () => {
      (request as SessionRequest).session!.cart = 1;
      answer(response);
    }),
  );
  expect(withSession).toEqual(bare);
  expect(given).toEqual(list);
});
