// A request that this server cannot serve goes to another one, if somebody is there to send it on.
import { afterEach, expect, it } from '@jest/globals';
import express, { type Request } from 'express';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Phase, Readiness } from '../health/readiness.js';
import { handOver } from './hand-over.js';

let server: Server | undefined;
afterEach(() => void server?.close());

interface Case {
  readonly phase?: Phase;
  readonly missing?: string;
  readonly trustedId?: string;
  readonly status?: number;
}

/** The status that the client sees; undefined when the connection is closed without an answer. */
async function answer({ phase = 'ready', missing, trustedId, status = 503 }: Case): Promise<number | undefined> {
  const app = express();
  const readiness = { phase, missing: () => missing } as Readiness;
  app.use((request: Request, _response, next) => {
    if (trustedId !== undefined) request.trustedId = trustedId;
    next();
  });
  app.use(handOver(readiness), (_request, response) => void response.status(status).end('an answer'));
  server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return fetch(url).then(
    (response) => response.status,
    () => undefined,
  );
}

const cutOff: Case = { missing: 'a usable MySQL node', trustedId: 'a-request-of-the-proxy' };

it('is handed over by a server that has lost its store', async () => {
  expect(await answer(cutOff)).toBeUndefined();
});

it.each([
  ['it can be served', { ...cutOff, status: 200 }],
  ['nothing is missing: the server has too much to do', { ...cutOff, missing: undefined }],
  ['nobody would send it on', { ...cutOff, trustedId: undefined }],
  ['the server has left its port already', { ...cutOff, phase: 'cut-off' }],
] satisfies [string, Case][])('is answered when %s', async (_when, given) => {
  expect(await answer(given)).toBe('status' in given ? 200 : 503);
});
