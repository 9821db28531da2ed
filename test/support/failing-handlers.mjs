// Loaded into a web server before the app, by tests only: adds handlers that fail in every way that a handler can.
import { Controller, Get, Req, Res } from '@nestjs/common';
import { EventEmitter } from 'node:events';
import { appendFileSync, readFile } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppModule } from '../../apps/web/dist/app.module.js';
import { limits } from '../../apps/web/dist/config/limits.js';

// So that a test need not wait for half a minute between two replacements.
if (process.env.POISON_TURN_MS) limits.replacementMs = Number(process.env.POISON_TURN_MS);

/** Shared by all requests, and emitted by none. */
const shared = new EventEmitter();
setInterval(() => shared.emit('tick'), 20).unref();

/** As a pool does it: what is asked for comes from a callback that another one's turn has begun. */
const waiting = [];
setInterval(() => waiting.splice(0).forEach((callback) => callback()), 20).unref();

const fail = (kind) => {
  throw new Error(`poison: ${kind}`);
};

const kinds = {
  timer: () => void setTimeout(() => fail('timer')),
  tick: () => process.nextTick(() => fail('tick')),
  file: () => readFile(new URL(import.meta.url), () => fail('file')),
  rejection: () => void Promise.reject(new Error('poison: rejection')),
  'later-rejection': () => void new Promise((resolve) => setTimeout(resolve, 5)).then(() => fail('rejection')),
  // A file name that Node takes for no header.
  header: (_request, response) => response.writeHead(200, { 'Content-Disposition': 'attachment; filename=☃.txt' }),
  'after-first-byte': async (_request, response) => {
    response.write('the first byte');
    await sleep(10);
    fail('after its first byte');
  },
  // All that is written in one turn leaves at its end.
  'after-first-write': (_request, response) => {
    response.write('the first byte');
    fail('after its first write');
  },
  listener: () => shared.once('tick', () => fail('listener')),
  pool: () => waiting.push(() => fail('pool')),
  // Its own answer is whole when it fails.
  'after-its-end': (_request, response) => {
    response.end('whole');
    setTimeout(() => fail('after its end'));
  },
};

class PoisonController {
  run(request, response) {
    const { kind } = request.params;
    // Each run leaves a line, so that what runs twice is seen.
    appendFileSync(process.env.POISON_LOG, `${request.query.id ?? ''} ${kind} ${process.pid} ${Date.now()}\n`);
    // Where a byte has to leave at once, nothing may have to be kept first.
    if (!kind.startsWith('after-first')) request.session.poisoned = Date.now();
    return kinds[kind](request, response);
  }
}
Req()(PoisonController.prototype, 'run', 0);
Res()(PoisonController.prototype, 'run', 1);
Get(':kind')(PoisonController.prototype, 'run', Object.getOwnPropertyDescriptor(PoisonController.prototype, 'run'));
Controller('api/poison')(PoisonController);

const forRoot = AppModule.forRoot.bind(AppModule);
AppModule.forRoot = (...settings) => ({ ...forRoot(...settings), controllers: [PoisonController] });
