// The middleware of every request (body, pause, time limit), and the error answers.
import { Global, Module, type DynamicModule, type MiddlewareConsumer, type NestModule } from '@nestjs/common';
import { APP_FILTER, APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core';
import { MysqlCluster } from '@roam/mysql-cluster';
import type { NextFunction, Request, Response } from 'express';
import { limits } from '../config/limits.js';
import { Readiness } from '../health/readiness.js';
import { Heartbeat } from '../health/heartbeat.js';
import { PagesModule } from '../pages/pages.module.js';
import { BegunInterceptor } from './begun.interceptor.js';
import { bodyParsers } from './body-parsers.js';
import { deadline } from './deadline.js';
import { ErrorAnswers } from './error-answers.js';
import { ErrorFilter } from './error.filter.js';
import { StreamLimits } from './stream-limits.js';
import { validationPipe } from './validation.js';
import { AuditModule } from '../audit/audit.module.js';

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
    private readonly heartbeat: Heartbeat,
    private readonly readiness: Readiness,
    private readonly cluster: MysqlCluster,
  ) {}

  static forRoot(heartbeat: Heartbeat, readiness: Readiness): DynamicModule {
    const providers = [
      { provide: Heartbeat, useValue: heartbeat },
      { provide: Readiness, useValue: readiness },
    ];
    return { module: HttpModule, providers, exports: [Heartbeat, Readiness] };
  }

  configure(consumer: MiddlewareConsumer): void {
    const limitMs = ({ policy: { timeMs } }: Request) =>
      timeMs <= limits.requestMs && this.readiness.isRecovering() ? limits.recoveringRequestMs : timeMs;
    // After a pause of the process other servers have its requests: from here on their statements are not sent any
    // more.
    const unlessFrozen = ({ policy: { timeMs } }: Request, _response: Response, next: NextFunction) =>
      this.cluster.unlessFrozen(next, timeMs > limits.requestMs ? { statementTimeoutMs: timeMs } : {});
    const enforceDeadline = deadline(limitMs, this.answers, this.heartbeat);
    consumer.apply(bodyParsers(), unlessFrozen, enforceDeadline).forRoutes('{*path}');
  }
}
