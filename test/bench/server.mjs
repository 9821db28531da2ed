// One web server of the benchmark: the same Nest routes, with the variant and its settings from the command line.
import { Controller, Get, Module, Post, Req } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { answerParent } from './process.mjs';
import { usageOfHelpers } from './usage.mjs';
import { openVariant } from './variants/index.mjs';

const [name, settings] = process.argv.slice(2);
const variant = await openVariant(name, JSON.parse(settings));

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
  login(request) {
    return variant.login(request);
  }
}
class BenchModule {}

// This file runs as it is, without TypeScript's decorators: these are `@Get('read') read(@Req() request)` and so on.
const routes = { create: Post('create'), read: Get('read'), change: Post('change'), login: Post('login') };
for (const [method, route] of Object.entries(routes)) {
  Req()(BenchController.prototype, method, 0);
  route(BenchController.prototype, method, Object.getOwnPropertyDescriptor(BenchController.prototype, method));
}
Controller()(BenchController);
Module({ imports: variant.imports ?? [], controllers: [BenchController] })(BenchModule);

const app = await NestFactory.create(BenchModule, { logger: ['error'], abortOnError: false });
if (variant.middleware) app.use(variant.middleware);
await app.listen(0, '127.0.0.1');
answerParent({
  url: async () => `http://127.0.0.1:${app.getHttpServer().address().port}`,
  /** Microseconds that this server has computed so far, and bytes of memory that it has now; with its helper processes. */
  async usage() {
    const { user, system } = process.cpuUsage();
    const helpers = usageOfHelpers(process.pid);
    return { cpu: user + system + helpers.cpu, rss: process.memoryUsage.rss() + helpers.rss };
  },
  async close() {
    await app.close();
    await variant.close();
  },
});
