// The time limit of a request: answered in time, once, and without harm when the handler answers late.
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { MemorySessionStore, SessionManager, sessionMiddleware } from '@roam/session';
import express, { type Request, type Response } from 'express';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Heartbeat } from '../lifecycle/heartbeat.js';
import type { AppError } from './app.errors.js';
import { deadline } from './deadline.js';
import type { ErrorAnswers } from '../errors/error-answers.js';

const answers = {
  to: ({ status, code }: AppError) => ({ status, headers: { 'Retry-After': '1' }, body: code }),
} as unknown as ErrorAnswers;

const heartbeat = new Heartbeat(1_000);

let server: Server | undefined;
const rejections = jest.fn();
process.on('unhandledRejection', rejections);
afterEach(() => {
  server?.close();
  server?.closeAllConnections();
  rejections.mockClear();
});

/** Serves this handler with a limit of 40 ms; `late` resolves when the handler has ended. */
async function serve(handler: (request: Request, response: Response) => Promise<void>) {
  const sessions = new SessionManager({
    store: new MemorySessionStore(),
    secrets: ['Vt7mHq2zLw9sXc4bNk8rYp3eJd6fGa5u'],
    secure: false,
  });
  let done: Promise<unknown> | undefined;
  const app = express();
  app.use(
    deadline(() => 40, answers, heartbeat),
    sessionMiddleware(sessions),
    (request, response) => {
      done = handler(request, response).catch((error: unknown) => error);
    },
  );
  server = createServer(app);
  await new Promise<void>((listening) => server!.listen(0, '127.0.0.1', listening));
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  const body = await response.text();
  await done;
  // The callbacks that the handler left behind have run.
  await new Promise((resolve) => setTimeout(resolve, 20));
  return { status: response.status, body, response };
}

const tooLong = () => new Promise((resolve) => setTimeout(resolve, 80));

describe('deadline', () => {
  it('leaves an answer in time alone', async () => {
    const { status, body } = await serve(async (_, response) => void response.send('in time'));
    expect([status, body]).toEqual([200, 'in time']);
  });

  it.each([
    ['never answers', async () => {}],
    [
      'answers too late',
      async (_: Request, response: Response) => {
        await tooLong();
        response.json({ late: true });
      },
    ],
    [
      'changes its session and ends the response too late',
      async (request: Request, response: Response) => {
        await tooLong();
        request.session!.late = true;
        response.end();
      },
    ],
  ])('answers 503 for a handler that %s', async (_, handler) => {
    const { status, body, response } = await serve(handler);
    expect([status, body]).toEqual([503, 'timeout']);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(rejections).not.toHaveBeenCalled();
  });
});
