// The routes of the whole app, without starting it: only the metadata of its modules and controllers is read.
import type { DynamicModule } from '@nestjs/common';
import { pino } from 'pino';
import { AppModule } from './app.module.js';
import { clusterStreamRoute } from './cluster/cluster-stream.js';
import { parseSettings } from './config/parse-settings.js';
import { collectRoutes, type Route } from './routes/collect-routes.js';

/** The routes of the app's controllers. */
export function routesOfApp(): Route[] {
  return allRoutes(moduleToRead());
}

/** The root module, to be read only. Nothing connects: no settings are needed. */
export function moduleToRead(): DynamicModule {
  const config = parseSettings({
    DATABASE_URLS: 'mysql://nobody:nothing@127.0.0.1/none',
    SESSION_SECRETS: 'of no server: the routes are the same for every secret',
  });
  const [cluster, unused] = [{ typeormDriver: () => undefined } as never, undefined as never];
  const logger = pino({ level: 'silent' });
  return AppModule.forRoot({
    config,
    cluster,
    logger,
    store: unused,
    metrics: unused,
    heartbeat: unused,
    readiness: unused,
  });
}

/** The routes of its controllers, and of what runs before them. */
export function allRoutes(app: Parameters<typeof collectRoutes>[0]): Route[] {
  return [clusterStreamRoute, ...collectRoutes(app)];
}
