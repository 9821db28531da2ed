// Admission: which requests run, wait and are refused, and that nothing remains after the load.
import { afterEach, describe, expect, it } from '@jest/globals';
import express, { type Response } from 'express';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { Heartbeat } from '../lifecycle/heartbeat.js';
import { policyOf } from '../routes/policy.js';
import { Admission } from './admission.js';
import { asCurrentRequest, currentExchange } from './current-request.js';

let server: Server;
const heartbeat = new Heartbeat(10_000);
afterEach(() => {
  server.close();
  server.closeAllConnections();
});

/** Two run, two wait for longer than a machine pauses by itself; each request runs until it is released. */
async function serve(waitMs = 2000) {
  const admission = new Admission({ running: 2, waiting: 2, waitMs }, heartbeat, pino({ level: 'silent' }));
  const running: Response[] = [];
  /** The path of the request in whose context each handler runs, in order. */
  const ranAs: (string | undefined)[] = [];
  const app = express();
  const arrived: string[] = [];
  app.use((request, _response, next) => {
    arrived.push(request.path);
    request.policy = policyOf(request.method, { stream: request.path === '/stream' });
    next();
  });
  app.use(asCurrentRequest(), admission.middleware(), (_request, response) => {
    ranAs.push(currentExchange()?.request.path);
    running.push(response);
  });
  server = createServer(app);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ask = (path = '/', init: RequestInit = {}) => fetch(url + path, init);
  const until = async (condition: () => boolean) => {
    while (!condition()) await sleep(5);
  };
  return { admission, running, arrived, ranAs, ask, until };
}

describe('Admission', () => {
  it('lets some run and some wait, refuses the rest with Retry-After, and takes on more afterwards', async () => {
    const { admission, running, ask, until } = await serve();
    const first = [ask(), ask()];
    await until(() => running.length === 2);
    const waiting = [ask(), ask()];
    // A refusal shows that the queue is full.
    let refused = await ask('/api/me');
    while (refused.status !== 503) refused = await ask('/api/me');
    expect(refused.headers.get('retry-after')).toBe('2');
    expect(await refused.json()).toMatchObject({ error: { code: 'overloaded' } });
    for (const response of running.splice(0)) response.send('done');
    expect((await Promise.all(first)).map(({ status }) => status)).toEqual([200, 200]);
    await until(() => running.length > 0 || admission.inProgress === 0);
    while ((await Promise.race([Promise.all(waiting), sleep(10)])) === undefined)
      for (const response of running.splice(0)) response.send('done');
    await until(() => admission.inProgress === 0);
    const again = ask();
    await until(() => running.length === 1);
    running[0].send('again');
    expect((await again).status).toBe(200);
  });

  it('lets each run as a part of itself, also who is let in by the end of another', async () => {
    const { running, arrived, ranAs, ask, until } = await serve();
    const first = [ask('/first'), ask('/second')];
    await until(() => running.length === 2);
    const waiting = ask('/waited');
    await until(() => arrived.length === 3);
    for (const response of running.splice(0)) response.send('done');
    await until(() => running.length === 1);
    running[0].send('done');
    await Promise.all([...first, waiting]);
    expect(ranAs).toEqual(arrived);
  });

  it('gives the place of a stream to others when its first byte leaves', async () => {
    const { admission, running, ask, until } = await serve();
    const streams = [ask('/stream'), ask('/stream')];
    await until(() => running.length === 2);
    expect(admission.inProgress).toBe(2);
    for (const response of running) response.write('first');
    await Promise.all(streams);
    expect(admission.inProgress).toBe(0);
    const other = ask();
    await until(() => running.length === 3);
    for (const response of running) response.end('last');
    expect((await other).status).toBe(200);
    await until(() => admission.inProgress === 0);
  });

  it('refuses what has waited too long', async () => {
    const { running, ask, until } = await serve();
    const held = [ask(), ask()];
    await until(() => running.length === 2);
    expect((await ask()).status).toBe(503);
    for (const response of running) response.send('done');
    await Promise.all(held);
  });

  it('always takes on who wants to leave', async () => {
    const { running, ask, until } = await serve();
    const held = [ask(), ask()];
    await until(() => running.length === 2);
    const logout = ask('/api/logout', { method: 'POST' });
    await until(() => running.length === 3);
    for (const response of running) response.send('done');
    expect((await logout).status).toBe(200);
    await Promise.all(held);
  });

  it('refuses what lay unread while the processor was busy', async () => {
    const { ask } = await serve(200);
    const asked = ask();
    // Sent, and not read.
    await new Promise<void>((resolve) => server.once('connection', resolve));
    const end = performance.now() + 300;
    while (performance.now() < end);
    expect((await asked).status).toBe(503);
  });
});
