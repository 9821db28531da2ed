// The session module for Nest: installs the middleware on every route and offers SessionManager and UserSessions for injection.
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
  constructor(@Inject(SessionManager) private readonly manager: SessionManager) {
    super();
  }

  configure(consumer: MiddlewareConsumer): void {
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
