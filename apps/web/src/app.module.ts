// The root module: all modules, in the order in which requests pass them.
import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import type { MysqlCluster } from '@roam/mysql-cluster';
import type { AnySessions } from '@roam/session';
import { SessionManager, SessionModule } from '@roam/session/nest';
import { LoggerModule, PinoLogger } from 'nestjs-pino';
import type { Logger } from 'pino';
import { AccountModule } from './account/account.module.js';
import { AdminModule } from './admin/admin.module.js';
import { AuditModule } from './audit/audit.module.js';
import { AuditService } from './audit/audit.service.js';
import { AuthModule } from './auth/auth.module.js';
import { EnrolmentGuard } from './auth/enrolment.guard.js';
import { CartModule } from './cart/cart.module.js';
import { ClusterModule } from './cluster/cluster.module.js';
import type { Config } from './config/config.js';
import { ConfigModule } from './config/config.module.js';
import { DatabaseModule } from './database/database.module.js';
import type { Metrics } from './health/metrics.js';
import type { Readiness } from './health/readiness.js';
import { ErrorAnswers } from './http/error-answers.js';
import { HttpModule } from './http/http.module.js';
import { StreamLimits } from './http/stream-limits.js';
import type { Heartbeat } from './lifecycle/heartbeat.js';
import { requestLogging } from './logging/logging.js';
import { LoginModule } from './login/login.module.js';
import { NestLogger } from './logging/nest-logger.js';
import { OutboxModule } from './outbox/outbox.module.js';
import { OutboxWorker } from './outbox/outbox-worker.js';
import { RepeatsModule } from './repeats/repeats.module.js';
import { OutageGuard } from './session/outage.guard.js';
import { sessionOptions } from './session/session.options.js';
import { SessionsModule } from './sessions/sessions.module.js';
import { expiredRows } from './tasks/expired-rows.js';
import { sessionCleanup } from './tasks/session-cleanup.js';
import { TaskRunner } from './tasks/task-runner.js';
import { ThrottlingModule } from './throttling/throttling.module.js';
import { UsersModule } from './users/users.module.js';

@Module({})
export class AppModule {
  static forRoot(
    config: Config,
    cluster: MysqlCluster,
    store: AnySessions,
    logger: Logger,
    metrics: Metrics,
    heartbeat: Heartbeat,
    readiness: Readiness,
    features: readonly Type[] = [],
  ): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ConfigModule.forRoot(config),
        // Middleware runs in this order: the log, then bodies and the time limit, then the session, then the user.
        LoggerModule.forRoot(requestLogging(logger)),
        AuditModule,
        HttpModule.forRoot(heartbeat, readiness),
        SessionModule.forRootAsync({
          inject: [ErrorAnswers, PinoLogger, AuditService, StreamLimits],
          useFactory: (answers: ErrorAnswers, log: PinoLogger, audit: AuditService, streams: StreamLimits) =>
            sessionOptions(config, store, answers, log, audit, metrics, heartbeat, streams),
        }),
        DatabaseModule.forRoot(cluster),
        RepeatsModule,
        OutboxModule,
        ThrottlingModule,
        UsersModule,
        AuthModule,
        SessionsModule,
        AccountModule,
        LoginModule,
        AdminModule,
        CartModule,
        ClusterModule,
        ...features,
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
