// A handler that fails after its answer has begun, or outside of the error handling: no request hangs, and no partial
// answer looks complete. Over Nest, Express and the session module, as the app uses them.
import { Controller, Get, Module, Req, Res, StreamableFile, type INestApplication } from '@nestjs/common';
import { APP_FILTER, NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { MemorySessionStore, SessionManager, sessionMiddleware } from '@roam/session';
import type { NextFunction, Request, Response } from 'express';
import type { Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { PinoLogger } from 'nestjs-pino';
import { AuditService } from '../audit/audit.service.js';
import { Refusals } from '../audit/refusals.js';
import { until } from '../testing/time.js';
import { asCurrentRequest, currentExchange } from './current-request.js';
import { endFailed } from './end-failed.js';
import { ErrorAnswers } from '../errors/error-answers.js';
import { ErrorFilter } from '../errors/error.filter.js';

const logged: string[] = [];
const logger = { error: (_: object, message: string) => logged.push(message), debug: () => undefined };
const answers = {
  to: () => ({ status: 500, headers: { 'Content-Type': 'application/json' }, body: '{"error":"ours"}' }),
  unexpected: () => answers.to(),
};
const failed = new Error('the handler failed');
/** Fails a second time, outside of any filter: as the handler of uncaught errors does. */
const uncaught = () => endFailed(currentExchange()!, () => answers.unexpected());
const soon = (work: () => void) => setTimeout(work, 5);

@Controller()
class FailingController {
  @Get('before') before(): never {
    throw failed;
  }
  @Get('after-a-byte') afterAByte(@Res() response: Response): void {
    response.write('a byte');
    // Written separately, so it has been sent.
    throw failed;
  }
  @Get('later') async later(@Res() response: Response): Promise<void> {
    response.write('a byte');
    await new Promise((resolve) => setTimeout(resolve, 20));
    throw failed;
  }
  @Get('after-the-head') afterTheHead(@Res() response: Response): void {
    response.writeHead(204, { 'X-Handler': 'yes' });
    throw failed;
  }
  @Get('while-held') whileHeld(@Req() request: Request, @Res() response: Response): void {
    request.session!.cart = 'changed';
    response.write('a byte');
    throw failed;
  }
  @Get('after-its-end') afterItsEnd(@Res() response: Response): void {
    response.send('whole');
    throw failed;
  }
  @Get('stream') stream(): StreamableFile {
    return new StreamableFile(Readable.from(brokenSource()));
  }
  @Get('pipeline') pipeline(@Res() response: Response): Promise<void> {
    return pipeline(Readable.from(brokenSource()), response);
  }
  @Get('uncaught') uncaught(): Promise<void> {
    soon(uncaught);
    return new Promise(() => undefined);
  }
  @Get('uncaught-after-a-byte') uncaughtAfterAByte(@Res() response: Response): void {
    response.write('a byte');
    soon(uncaught);
  }
  @Get('uncaught-after-early-hints') uncaughtAfterEarlyHints(@Res() response: Response): void {
    response.writeEarlyHints({ link: '</app.css>; rel=preload' });
    response.writeHead(200);
    soon(uncaught);
  }
  @Get('uncaught-and-goes-on') goesOn(@Req() request: Request, @Res() response: Response): void {
    request.session!.cart = 'changed';
    response.write('a byte');
    uncaught();
    soon(() => response.end('the rest'));
  }
  @Get('uncaught-after-its-end') uncaughtAfterItsEnd(@Req() request: Request, @Res() response: Response): void {
    request.session!.cart = 'changed';
    response.send('whole');
    uncaught();
  }
}

async function* brokenSource(): AsyncGenerator<string> {
  yield 'a part';
  await new Promise((resolve) => setTimeout(resolve, 20));
  throw failed;
}

@Module({
  controllers: [FailingController],
  providers: [
    { provide: ErrorAnswers, useValue: answers },
    Refusals,
    { provide: AuditService, useValue: {} },
    { provide: PinoLogger, useValue: logger },
    { provide: APP_FILTER, useClass: ErrorFilter },
  ],
})
class FailingModule {}

/** Slow enough to see that its callers wait. */
class SlowStore extends MemorySessionStore {
  override async create(...args: Parameters<MemorySessionStore['create']>): ReturnType<MemorySessionStore['create']> {
    await new Promise((resolve) => setTimeout(resolve, 40));
    return super.create(...args);
  }
}

let app: INestApplication;
let port: number;
beforeAll(async () => {
  app = await NestFactory.create(FailingModule, new ExpressAdapter(), { logger: false });
  const store = new SlowStore();
  const secrets = ['Vt7mHq2zLw9sXc4bNk8rYp3eJd6fGa5u'];
  app.use(
    (_request: Request, response: Response, next: NextFunction) => response.setHeader('X-Request-Id', '7') && next(),
    asCurrentRequest(),
    sessionMiddleware(new SessionManager({ store, secrets, secure: false })),
    (request: Request, response: Response, next: NextFunction) => {
      if (request.path !== '/next') return next();
      response.write('a byte');
      next(failed);
    },
  );
  await app.listen(0, '127.0.0.1');
  port = ((app.getHttpServer() as Server).address() as AddressInfo).port;
});
afterAll(() => {
  (app.getHttpServer() as Server).closeAllConnections();
  return app.close();
});
beforeEach(() => void logged.splice(0));
/** A test ends with its answer; later log lines of its handler do not belong to the next test. */
afterEach(() => new Promise((resolve) => setTimeout(resolve, 50)));

/** All data of the connection until it closes, or until no more comes for a while after a complete answer. */
async function ask(path: string, method = 'GET'): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(`${method} /${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  let text = '';
  socket.on('error', () => undefined);
  for await (const chunk of socket) text += String(chunk);
  return text;
}

const isWhole = (answer: string) => answer.endsWith('0\r\n\r\n') || /content-length/i.test(answer);

describe('a handler that fails', () => {
  it.each(['after-a-byte', 'later', 'stream', 'pipeline', 'next', 'uncaught-after-a-byte'])(
    '%s: its connection breaks, and nobody takes the part for the whole',
    async (path) => {
      const answer = await ask(path);
      expect(answer).toMatch(/^HTTP\/1.1 200 .*a (byte|part)/s);
      expect(isWhole(answer)).toBe(false);
    },
  );

  it.each(['before', 'after-the-head', 'while-held', 'uncaught', 'uncaught-after-early-hints', 'uncaught-and-goes-on'])(
    '%s: not a byte has left, so it is answered 500 once',
    async (path) => {
      const answer = (await ask(path)).replace(/^HTTP\/1.1 103 .*?\r\n\r\n/s, '');
      expect(answer).toMatch(/^HTTP\/1.1 500 Internal Server Error\r\n.*\r\n\r\n\{"error":"ours"\}$/s);
      expect(answer).toMatch(/x-request-id: 7/i);
      expect(answer).not.toMatch(/x-handler|a byte|the rest/i);
    },
  );

  it.each(['after-its-end', 'uncaught-after-its-end'])('%s: its answer stays', async (path) => {
    expect(await ask(path)).toMatch(/^HTTP\/1.1 200 .*\r\n\r\nwhole$/s);
  });

  it('answers HEAD without a body', async () => {
    expect(await ask('uncaught', 'HEAD')).toMatch(/^HTTP\/1.1 500 .*content-length: 16\r\n\r\n$/is);
  });

  it.each(['after-a-byte', 'later', 'after-the-head', 'while-held', 'after-its-end', 'pipeline', 'next'])(
    '%s: it is logged',
    async (path) => {
      await ask(path);
      await until(() => logged.length > 0);
      expect(logged).toEqual(['request failed after its answer had begun']);
    },
  );

  it('is not logged when its client has left', async () => {
    const socket = connect(port, '127.0.0.1');
    socket.write('GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await new Promise((resolve) => socket.once('data', resolve));
    socket.destroy();
    await ask('later');
    await until(() => logged.length > 0);
    expect(logged).toHaveLength(1);
  });
});
