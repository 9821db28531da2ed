// The root module: all modules, in the order in which requests pass them.
import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { SessionManager, SessionModule } from '@roam/session/nest';
import { LoggerModule, PinoLogger } from 'nestjs-pino';
import { AuditModule } from './audit/audit.module.js';
import { AuditService } from './audit/audit.service.js';
import { EnrolmentGuard } from './auth/enrolment.guard.js';
import { ConfigModule } from './config/config.module.js';
import { DatabaseModule } from './database/database.module.js';
import { features } from './features.js';
import { ErrorAnswers } from './errors/error-answers.js';
import { HttpModule } from './http.module.js';
import { StreamLimits } from './http/stream-limits.js';
import { requestLogging } from './logging/logging.js';
import { NestLogger } from './logging/nest-logger.js';
import { innerMiddleware } from './middleware.js';
import { OutboxWorker } from './outbox/outbox-worker.js';
import type { Runtime } from './runtime.js';
import { OutageGuard } from './session/outage.guard.js';
import { sessionOptions } from './session.options.js';
import { expiredRows } from './tasks/expired-rows.js';
import { sessionCleanup } from './tasks/session-cleanup.js';
import { TaskRunner } from './tasks/task-runner.js';

@Module({})
export class AppModule {
  /** @param more modules beside the app's own */
  static forRoot(runtime: Runtime, more: readonly Type[] = []): DynamicModule {
    const { config, cluster, logger } = runtime;
    return {
      module: AppModule,
      imports: [
        ConfigModule.forRoot(config),
        // Middleware runs in this order: the log, then bodies and the time limit, then the session, then the user.
        LoggerModule.forRoot(requestLogging(logger)),
        AuditModule,
        HttpModule.forRoot(runtime, (answers) => innerMiddleware(runtime, answers)),
        SessionModule.forRootAsync({
          imports: [AuditModule],
          inject: [ErrorAnswers, PinoLogger, AuditService, StreamLimits],
          useFactory: (answers: ErrorAnswers, log: PinoLogger, audit: AuditService, streams: StreamLimits) =>
            sessionOptions(runtime, { answers, log, audit, streams }),
        }),
        DatabaseModule.forRoot(cluster),
        ...features,
        ...more,
      ],
      providers: [
        NestLogger,
        {
          provide: TaskRunner,
          inject: [SessionManager, OutboxWorker, PinoLogger],
          useFactory: (sessions: SessionManager, outbox: OutboxWorker, log: PinoLogger) => {
            const tasks = [sessionCleanup(config, sessions), expiredRows(cluster), outbox.task];
            return new TaskRunner(cluster, config.server.name, log, tasks);
          },
        },
        { provide: APP_GUARD, useClass: OutageGuard },
        { provide: APP_GUARD, useClass: EnrolmentGuard },
      ],
    };
  }
}
