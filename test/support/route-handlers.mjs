// Loaded into a web server before the app, by tests only: routes that need more than the usual limits, each with its
// declarations and without them.
import { Body, Controller, Get, Param, Post, Req, Res, UploadedFile, UseGuards, UseInterceptors } from '@nestjs/common';
import { FileInterceptor } from '@nestjs/platform-express';
import { Buffer } from 'node:buffer';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { AppModule } from '../../apps/web/dist/app.module.js';
import { migrations } from '../../apps/web/dist/features.js';
import { FormGuard } from '../../apps/web/dist/pages/form.guard.js';
import { PagesModule } from '../../apps/web/dist/pages/pages.module.js';
import { Limits, Repeatable, Stream } from '../../apps/web/dist/routes/decorators.js';

const MiB = 1024 * 1024;

/** What `@decorators method(@parameters)` does in TypeScript. */
function decorate(type, method, decorators, ...parameters) {
  for (const [at, parameter] of parameters.entries()) parameter(type.prototype, method, at);
  const descriptor = Object.getOwnPropertyDescriptor(type.prototype, method);
  for (const decorator of decorators) decorator(type.prototype, method, descriptor);
}

class RoutesController {
  /** @param {DataSource} source */
  constructor(source) {
    this.source = source;
  }

  async order({ ref }) {
    await this.source.query('INSERT INTO test_orders (ref) VALUES (?)', [ref]);
    return { ref };
  }
  declaredOrder(body) {
    return this.order(body);
  }
  patientOrder(body) {
    return this.order(body);
  }
  async orders() {
    return this.source.query('SELECT ref, COUNT(*) AS count FROM test_orders GROUP BY ref HAVING count > 1');
  }
  async orderCount(ref) {
    return (await this.source.query('SELECT COUNT(*) AS count FROM test_orders WHERE ref = ?', [ref]))[0];
  }

  /** The database works, then the handler does. */
  async report() {
    await this.source.query('SELECT SLEEP(2.5)');
    await sleep(2_500);
    return { report: 'whole' };
  }
  declaredReport() {
    return this.report();
  }

  upload(file) {
    return { size: file?.size };
  }
  declaredUpload(file) {
    return this.upload(file);
  }
  form(file) {
    return this.upload(file);
  }

  async feed(_request, response) {
    response.type('text/plain').write('first;');
    await sleep(3_000);
    response.end('last;');
  }
  declaredFeed(request, response) {
    return this.feed(request, response);
  }

  async download(_request, response) {
    response.type('application/octet-stream');
    for (let sent = 0; sent < 50; sent += 1)
      if (!response.write(Buffer.alloc(MiB, sent))) await new Promise((drained) => response.once('drain', drained));
    response.end();
  }
  declaredDownload(request, response) {
    return this.download(request, response);
  }
}
Reflect.defineMetadata('design:paramtypes', [DataSource], RoutesController);

const file = () => UseInterceptors(FileInterceptor('file'));
decorate(RoutesController, 'order', [Post('orders/plain')], Body());
decorate(RoutesController, 'declaredOrder', [Post('orders/declared'), Repeatable()], Body());
decorate(RoutesController, 'patientOrder', [Post('orders/patient'), Repeatable(), Limits({ time: 5_000 })], Body());
decorate(RoutesController, 'orders', [Get('orders')]);
decorate(RoutesController, 'orderCount', [Get('orders/:ref')], Param('ref'));
decorate(RoutesController, 'report', [Get('reports/plain')]);
decorate(RoutesController, 'declaredReport', [Get('reports/declared'), Limits({ time: 8_000 })]);
decorate(RoutesController, 'upload', [Post('uploads/plain'), file()], UploadedFile());
decorate(
  RoutesController,
  'declaredUpload',
  [Post('uploads/declared'), Limits({ body: 6 * MiB }), file()],
  UploadedFile(),
);
decorate(
  RoutesController,
  'form',
  [Post('uploads/form'), Limits({ body: 6 * MiB }), UseGuards(FormGuard), file()],
  UploadedFile(),
);
decorate(RoutesController, 'feed', [Get('feeds/plain')], Req(), Res());
decorate(RoutesController, 'declaredFeed', [Get('feeds/declared'), Stream()], Req(), Res());
decorate(RoutesController, 'download', [Get('downloads/plain')], Req(), Res());
decorate(RoutesController, 'declaredDownload', [Get('downloads/declared'), Stream()], Req(), Res());
Controller('api/test')(RoutesController);

class CreateTestOrders9999999999999 {
  name = 'CreateTestOrders9999999999999';

  async up(runner) {
    await runner.query(
      'CREATE TABLE IF NOT EXISTS test_orders (id BIGINT AUTO_INCREMENT PRIMARY KEY, ref VARCHAR(64) NOT NULL, KEY (ref))',
    );
  }
}
migrations.push(CreateTestOrders9999999999999);

const forRoot = AppModule.forRoot.bind(AppModule);
AppModule.forRoot = (...settings) => {
  const app = forRoot(...settings);
  return { ...app, imports: [...app.imports, PagesModule], controllers: [RoutesController] };
};
