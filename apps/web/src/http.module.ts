// The middleware of every request (body, pause, time limit), and the error answers.
import { Global, Inject, Module, type DynamicModule, type MiddlewareConsumer, type NestModule } from '@nestjs/common';
import { APP_FILTER, APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core';
import type { RequestHandler } from 'express';
import { Readiness } from './health/readiness.js';
import { Heartbeat } from './lifecycle/heartbeat.js';
import { PagesModule } from './pages/pages.module.js';
import { BegunInterceptor } from './http/begun.interceptor.js';
import { ErrorAnswers } from './errors/error-answers.js';
import { ErrorFilter } from './errors/error.filter.js';
import { StreamLimits } from './http/stream-limits.js';
import { validationPipe } from './http/validation.js';
import { AuditModule } from './audit/audit.module.js';
import type { Runtime } from './runtime.js';

type MakeMiddleware = (answers: ErrorAnswers) => RequestHandler[];
const MIDDLEWARE = Symbol('middleware');

// Global, so that its middleware runs before that of the modules below it, such as the session's.
@Global()
@Module({
  imports: [AuditModule, PagesModule],
  providers: [
    ErrorAnswers,
    StreamLimits,
    { provide: APP_FILTER, useClass: ErrorFilter },
    { provide: APP_INTERCEPTOR, useClass: BegunInterceptor },
    { provide: APP_INTERCEPTOR, useExisting: StreamLimits },
    { provide: APP_PIPE, useValue: validationPipe },
  ],
  exports: [ErrorAnswers, StreamLimits],
})
export class HttpModule implements NestModule {
  constructor(
    private readonly answers: ErrorAnswers,
    @Inject(MIDDLEWARE) private readonly middleware: MakeMiddleware,
  ) {}

  /** @param middleware after the log, before the session */
  static forRoot({ heartbeat, readiness }: Runtime, middleware: MakeMiddleware): DynamicModule {
    const providers = [
      { provide: Heartbeat, useValue: heartbeat },
      { provide: Readiness, useValue: readiness },
      { provide: MIDDLEWARE, useValue: middleware },
    ];
    return { module: HttpModule, providers, exports: [Heartbeat, Readiness] };
  }

  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(...this.middleware(this.answers)).forRoutes('{*path}');
  }
}
