// A request that this server cannot serve is handed over to another one, if a proxy can send it on.
import { afterEach, expect, it } from '@jest/globals';
import express, { type Request } from 'express';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Readiness } from '../health/readiness.js';
import type { Config } from '../config/config.js';
import { limits } from '../config/limits.js';
import { policyOf, type RoutePolicy } from '../routes/policy.js';
import { handOver } from './hand-over.js';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

interface Case {
  readonly missing?: string;
  readonly trustedId?: string;
  readonly status?: number;
  readonly storeFailed?: boolean;
  readonly onStandby?: boolean;
  readonly afterMs?: number;
  readonly isRecovering?: boolean;
  readonly isOut?: boolean;
  readonly outage?: 'deny' | 'read-only';
  readonly cookie?: string;
  /** Of the route; a GET that nobody has declared otherwise. */
  readonly policy?: RoutePolicy;
  readonly hasBegun?: boolean;
}

async function answer({
  missing,
  trustedId,
  status = 503,
  storeFailed = true,
  onStandby = false,
  afterMs = 0,
  isRecovering = false,
  isOut = false,
  outage = 'deny',
  cookie = 'theme=dark; __Host-sid=a-token',
  policy = policyOf('GET'),
  hasBegun = true,
}: Case): Promise<number> {
  const app = express();
  const readiness = { missing: () => missing, isRecovering: () => isRecovering, isOut: () => isOut } as Readiness;
  const server = createServer(app).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const config = {
    secure: true,
    server: { standbyPort: onStandby ? port : undefined },
    session: { outage },
  } as Config;
  app.use((request: Request, _response, next) => {
    if (trustedId !== undefined) request.trustedId = trustedId;
    Object.assign(request, { storeFailed, policy, hasBegun });
    next();
  });
  app.use(handOver(config, readiness), (_request, response) => {
    setTimeout(() => response.status(status).end('an answer'), afterMs);
  });
  const url = `http://127.0.0.1:${port}/`;
  return fetch(url, { headers: { cookie } }).then((response) => response.status);
}

const cutOff: Case = { missing: 'a usable MySQL node', trustedId: 'a-request-of-the-proxy' };

it('is handed over by a server that has lost its store, or does not know that yet', async () => {
  expect(await answer(cutOff)).toBe(504);
  expect(await answer({ ...cutOff, afterMs: limits.handOverMs + 50 })).toBe(504);
  expect(await answer({ ...cutOff, missing: undefined })).toBe(504);
  expect(await answer({ ...cutOff, isRecovering: true })).toBe(504);
  const waited = limits.recoveringHandOverMs + 50;
  expect(await answer({ ...cutOff, isRecovering: true, outage: 'read-only', afterMs: waited })).toBe(504);
  // The time limit has answered, before the store's error came.
  expect(await answer({ ...cutOff, storeFailed: false })).toBe(504);
});

// A request that reaches the handler is answered 200 here.
const served = { status: 200 };
const out: Case = { ...cutOff, ...served, isOut: true };

it('is handed over before any work is done where it is known that nobody can be shown their session', async () => {
  expect(await answer(out)).toBe(504);
});

it.each([
  ['it can be served', { ...cutOff, ...served }],
  ['it comes from a visitor without a session', { ...out, cookie: 'theme=dark' }],
  ['the session may be shown from a copy', { ...out, outage: 'read-only' }],
  ['sessions need no database', { ...out, missing: undefined }],
  ['the server has too much to do', { ...cutOff, missing: undefined, storeFailed: false }],
  [
    'the store has kept it waiting, here as it would elsewhere',
    { ...cutOff, missing: undefined, afterMs: limits.handOverMs + 50 },
  ],
  ['databases come back from an outage, for all servers', { ...cutOff, missing: undefined, isRecovering: true }],
  [
    'they do, and it has been kept waiting',
    { ...cutOff, isRecovering: true, afterMs: limits.recoveringHandOverMs + 50 },
  ],
  ['nobody would send it on', { ...cutOff, trustedId: undefined }],
  ['this is the last port to be asked', { ...cutOff, onStandby: true }],
] satisfies [string, Case][])('is answered when %s', async (_when, given) => {
  expect(await answer(given)).toBe('status' in given ? 200 : 503);
});

it('is handed over only before it begins where it may run once', async () => {
  const once = { ...cutOff, policy: policyOf('POST') };
  expect(await answer({ ...once, hasBegun: false })).toBe(421);
  expect(await answer({ ...once, ...served, isOut: true })).toBe(421);
  expect(await answer({ ...once, hasBegun: true })).toBe(503);
  expect(await answer({ ...cutOff, policy: policyOf('POST', { repeatable: true }) })).toBe(504);
});

it("is not handed over by a handler's own status", async () => {
  for (const status of [421, 504]) expect(await answer({ ...cutOff, missing: undefined, status })).toBe(500);
});
