// The session module for Nest: gives every route its session, under Express and Fastify, and offers SessionManager and UserSessions for injection.
import {
  ConfigurableModuleBuilder,
  Global,
  Inject,
  Module,
  type BeforeApplicationShutdown,
  type MiddlewareConsumer,
  type NestModule,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { SessionUsageError } from '../core/errors.js';
import { installSessions, type SessionHost } from '../fastify/install.js';
import { SessionManager } from '../manager.js';
import { UserSessions } from '../user-sessions.js';
import { sessionMiddleware } from '../http/middleware.js';
import type { SessionOptions } from '../core/options.js';

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<SessionOptions>({
  moduleName: 'Session',
})
  .setClassMethodName('forRoot')
  .build();

/**
 * `SessionModule.forRoot(options)` or `forRootAsync({ inject, useFactory })`, once, in the root module. Handlers then
 * take the session by Nest's own `@Session()`.
 */
@Global()
@Module({
  providers: [
    {
      provide: SessionManager,
      inject: [MODULE_OPTIONS_TOKEN],
      useFactory: (options: SessionOptions) => new SessionManager(options),
    },
    { provide: UserSessions, inject: [SessionManager], useFactory: ({ users }: SessionManager) => users },
  ],
  exports: [SessionManager, UserSessions],
})
export class SessionModule
  extends ConfigurableModuleClass
  implements NestModule, BeforeApplicationShutdown, OnApplicationShutdown
{
  constructor(
    @Inject(SessionManager) private readonly manager: SessionManager,
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
  ) {
    super();
  }

  /** @throws SessionUsageError when this app's HTTP adapter cannot have sessions */
  configure(consumer: MiddlewareConsumer): void {
    const adapter = this.host.httpAdapter;
    const type = adapter.getType();
    if (type === 'fastify') {
      const fastify = adapter.getInstance<SessionHost & { use?: unknown }>();
      installSessions(fastify, this.manager);
      // With `skipMiddie` there is no middleware.
      if (!fastify.use) return;
    } else if (type !== 'express') {
      throw new SessionUsageError(
        `SessionModule needs the Express or the Fastify adapter, and this app's adapter is "${type}": ` +
          '@Session() would be undefined. Open the sessions by sessionMiddleware(manager) there, and leave out SessionModule.',
      );
    }
    // Under Fastify too: other middleware of Nest's gets Node's own request, and comes before Fastify's hooks.
    consumer.apply(sessionMiddleware(this.manager)).forRoutes('{*path}');
  }

  /** Open sockets would keep the server's port. Nest destroys them next: their clients would not learn why. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.manager.closeUpgrades();
  }

  /** Waits for the touches that still run. */
  async onApplicationShutdown(): Promise<void> {
    await this.manager.settled();
  }
}
