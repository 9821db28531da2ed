// Open streams are bounded: of one address, of one user, in all; who has left makes room.
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { CallHandler, ExecutionContext } from '@nestjs/common';
import express from 'express';
import { EventEmitter, once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { firstValueFrom, of } from 'rxjs';
import { limits } from '../config/limits.js';
import { policyOf } from '../routes/policy.js';
import { StreamLimits } from './stream-limits.js';

let server: Server | undefined;
afterEach(() => {
  jest.restoreAllMocks();
  server?.closeAllConnections();
  server?.close();
});

/** `X-Address` and `X-User` say who asks. */
async function serve() {
  const streams = new StreamLimits();
  const app = express();
  app.use((request, _response, next) => {
    request.policy = policyOf('GET', { stream: request.path === '/stream' });
    Object.defineProperty(request, 'ip', { value: request.get('x-address') });
    const id = request.get('x-user');
    if (id !== undefined) request.user = { id } as NonNullable<typeof request.user>;
    next();
  });
  app.use(streams.middleware(), async (request, response) => {
    const context = {
      getType: () => 'http',
      switchToHttp: () => ({ getRequest: () => request, getResponse: () => response }),
    };
    try {
      const next: CallHandler = { handle: () => of(response.write('begun')) };
      await firstValueFrom(streams.intercept(context as ExecutionContext, next));
      if (request.path !== '/stream') response.end();
    } catch (error) {
      response.status((error as { status: number }).status).end();
    }
  });
  server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const open: AbortController[] = [];
  const ask = async (address: string, user?: string, path = '/stream') => {
    const abort = new AbortController();
    open.push(abort);
    const headers = { 'x-address': address, ...(user !== undefined && { 'x-user': user }) };
    return (await fetch(url + path, { headers, signal: abort.signal })).status;
  };
  const leave = async () => {
    for (const abort of open.splice(0)) abort.abort();
    while (streams.count > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  return { ask, leave };
}

const times = (count: number, work: (i: number) => Promise<number>) =>
  Promise.all(Array.from({ length: count }, (_, i) => work(i)));

describe('streams', () => {
  it('are so many of one address, and again when it has left', async () => {
    const { ask, leave } = await serve();
    expect(new Set(await times(limits.streamsPerAddress, () => ask('1.1.1.1')))).toEqual(new Set([200]));
    expect(await ask('1.1.1.1')).toBe(429);
    expect(await ask('1.1.1.1', undefined, '/page')).toBe(200);
    expect(await ask('2.2.2.2')).toBe(200);
    await leave();
    expect(await ask('1.1.1.1')).toBe(200);
  });

  it('are so many of one user, from all addresses', async () => {
    const { ask } = await serve();
    expect(new Set(await times(limits.streamsPerUser, (i) => ask(`1.1.1.${i}`, 'ann')))).toEqual(new Set([200]));
    expect(await ask('2.2.2.2', 'ann')).toBe(429);
    expect(await ask('2.2.2.2', 'bob')).toBe(200);
  });

  it('do not count for a user who has left before they are known', async () => {
    const streams = new StreamLimits();
    const user = { id: 'ann' };
    const begin = (destroyed: boolean) => {
      const socket = new EventEmitter();
      const request = { policy: policyOf('GET', { stream: true }), user, socket };
      const response = Object.assign(new EventEmitter(), { destroyed });
      const context = {
        getType: () => 'http',
        switchToHttp: () => ({ getRequest: () => request, getResponse: () => response }),
      };
      return () => streams.intercept(context as unknown as ExecutionContext, { handle: () => of(undefined) });
    };
    for (let i = 0; i <= limits.streamsPerUser; i += 1) begin(true)();
    for (let i = 0; i < limits.streamsPerUser; i += 1) begin(false)();
    expect(begin(false)).toThrow('too many streams');
  });

  it('are so many in all', async () => {
    jest.replaceProperty(limits, 'streams', 150 as never);
    const { ask } = await serve();
    const each = limits.streamsPerAddress;
    const all = await times(limits.streams, (i) => ask(`1.1.1.${Math.floor(i / each)}`));
    expect(new Set(all)).toEqual(new Set([200]));
    expect(await ask('2.2.2.2')).toBe(503);
  });
});
