// Builds the app: the modules, and the middleware before them.
import type { Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import express from 'express';
import { createServer, type RequestListener, type Server } from 'node:http';
import { AppModule } from './app.module.js';
import { AuditService } from './audit/audit.service.js';
import { limits } from './config/limits.js';
import { Admission } from './http/admission.js';
import { clientAddresses } from './http/client-addresses.js';
import { CrossSiteAdapter } from './http/cross-site.adapter.js';
import { limitHandshakes } from './http/handshakes.js';
import { answerClientErrors } from './http/client-errors.js';
import { StreamLimits } from './http/stream-limits.js';
import { NestLogger } from './logging/nest-logger.js';
import { outerMiddleware } from './middleware.js';
import { ApiDocument } from './openapi/api-document.js';
import { RouteTable } from './routes/route-table.js';
import { allRoutes } from './routes-of-app.js';
import { assertServed } from './routes/served-routes.js';
import type { Runtime } from './runtime.js';
import { BreachedPasswords } from './users/breached-passwords.js';

/** The app, initialised but not listening. @param more modules beside the app's own */
export async function createApp(runtime: Runtime, more: readonly Type[] = []): Promise<NestExpressApplication> {
  const { config, cluster, store, logger, metrics, heartbeat } = runtime;
  // Routes are case-sensitive, since the path decides which rules apply: `/API/me` must not be `/api/me`. Nest's
  // adapter makes the router, so this comes first.
  const server = express().set('case sensitive routing', true);
  clientAddresses(server, config.server.trustedProxies);
  const root = AppModule.forRoot({ ...runtime, store: metrics.counted(store) }, more);
  const app = await NestFactory.create<NestExpressApplication>(root, new CrossSiteAdapter(server), {
    bodyParser: false,
    bufferLogs: true,
    abortOnError: false,
    routeConflictPolicy: { duplicate: 'error' },
  });
  app.useLogger(app.get(NestLogger));
  app.set('query parser', 'simple');
  // Browsers cache the assets only, whose addresses change with their content.
  app.set('etag', false);
  app.disable('x-powered-by');
  const { runningRequests: running, waitingRequests: waiting, queueMs: waitMs } = limits;
  const admission = new Admission({ running, waiting, waitMs }, heartbeat, logger);
  metrics.observeAdmission(admission);
  metrics.observeCluster(cluster);
  metrics.countEvents(app.get(AuditService));
  metrics.countBreachChecks(app.get(BreachedPasswords));
  const routes = allRoutes(root);
  const table = new RouteTable(routes);
  app.use(...outerMiddleware(runtime, { table, admission, streams: app.get(StreamLimits) }));
  // Refuses requests that another site made the browser send: by `Sec-Fetch-Site`, else by `Origin`.
  app.enableCsrfProtection({ trustedOrigins: [config.server.publicUrl.origin] });
  setUp(app.getHttpServer());
  await app.init();
  assertServed(app, routes);
  app.get(ApiDocument).of(app, routes);
  limitHandshakes(app, table, config.secure);
  return app;
}

/** A second HTTP server with the same handler, for another port. */
export function secondServer(app: NestExpressApplication): Server {
  return setUp(createServer(app.getHttpAdapter().getInstance() as RequestListener));
}

function setUp(server: Server): Server {
  server.keepAliveTimeout = limits.keepAliveMs;
  server.headersTimeout = limits.receiveMs;
  server.requestTimeout = limits.receiveMs;
  answerClientErrors(server);
  return server;
}
