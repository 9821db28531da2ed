// One web server of the benchmark: the same Nest route, with the variant named on the command line.
import { Controller, Get, Module, Post, Req } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { answerParent } from './process.mjs';
import { variants } from './variants.mjs';

const [name, ...urls] = process.argv.slice(2);
const variant = await variants[name](urls);

class BenchController {
  create(request) {
    return variant.create(request);
  }
  read(request) {
    return variant.read(request);
  }
  change(request) {
    return variant.change(request);
  }
}
class BenchModule {}

// This file runs as it is, without TypeScript's decorators: these are `@Get('read') read(@Req() request)` and so on.
const routes = { create: Post('create'), read: Get('read'), change: Post('change') };
for (const [method, route] of Object.entries(routes)) {
  Req()(BenchController.prototype, method, 0);
  route(BenchController.prototype, method, Object.getOwnPropertyDescriptor(BenchController.prototype, method));
}
Controller()(BenchController);
Module({ imports: variant.imports ?? [], controllers: [BenchController] })(BenchModule);

const app = await NestFactory.create(BenchModule, { logger: ['error'], abortOnError: false });
await app.listen(0, '127.0.0.1');
answerParent({
  url: async () => `http://127.0.0.1:${app.getHttpServer().address().port}`,
  /** Microseconds that this process has computed so far. */
  cpu: async () => {
    const { user, system } = process.cpuUsage();
    return user + system;
  },
  async close() {
    await app.close();
    await variant.close();
  },
});
