// Starts one web server, and stops it gracefully.
import { SessionManager } from '@roam/session/nest';
import { createApp, secondServer } from './app.js';
import { loadConfig } from './config/load.js';
import { limits } from './config/limits.js';
import { connectCluster, untilItWorks } from './database/connect.js';
import { assertMigrated } from './database/migrate.js';
import { migrations } from './features.js';
import { Metrics } from './health/metrics.js';
import { startMetricsServer } from './health/metrics-server.js';
import { Readiness } from './health/readiness.js';
import { ErrorAnswers } from './errors/error-answers.js';
import { Heartbeat } from './lifecycle/heartbeat.js';
import { withTimeout } from './lifecycle/with-timeout.js';
import { PublicListener } from './lifecycle/public-listener.js';
import { exitAtOnce, exitOnFailure, onEndSignal, REPLACEMENT_EXIT_CODE } from './lifecycle/process.js';
import { Replacement } from './lifecycle/replacement.js';
import { StoreWatch } from './health/store-watch.js';
import { UncaughtErrors } from './errors/uncaught-errors.js';
import { rootLogger } from './logging/logging.js';
import { openSessionStorage } from './session/session-storage.js';
import { ServersService } from './servers/servers.service.js';

const config = loadConfig();
const logger = rootLogger(config);
if (config.database.migrationUrls)
  logger.warn('MIGRATION_DATABASE_URLS is set and not used: remove it from the web servers, migrate.js alone needs it');

await exitOnFailure(logger, async (setHandler) => {
  const { port, host, metricsPort, metricsHosts, standbyPort } = config.server;
  const readiness = new Readiness();
  const metrics = new Metrics(readiness);
  const metricsServer = await startMetricsServer(metricsPort, host, metricsHosts, metrics, readiness);

  readiness.waitingFor = 'MySQL';
  const cluster = await connectCluster(config, logger);
  readiness.nodes = () => cluster.nodes();
  readiness.isOut = () => cluster.isOut;
  readiness.isRecovering = () => cluster.isRecovering;
  readiness.waitingFor = 'the database tables, which the migrations (migrate.js) create';
  await untilItWorks(readiness.waitingFor, () => assertMigrated(cluster, migrations), logger);
  readiness.waitingFor = `the session store (method ${config.session.method})`;
  const storage = await openSessionStorage(config, cluster, logger);
  readiness.storage = storage;
  readiness.waitingFor = 'the app to start';
  const heartbeat = new Heartbeat(limits.frozenMs);
  const runtime = { config, cluster, store: storage.store, logger, metrics, heartbeat, readiness };
  const app = await withTimeout(limits.startMs, readiness.waitingFor, createApp(runtime));
  readiness.waitingFor = undefined;
  const listener = new PublicListener(app.getHttpServer(), port, host);
  const watch = new StoreWatch(readiness, listener, logger);
  const standby =
    standbyPort === undefined ? undefined : new PublicListener(secondServer(app), standbyPort, host, 'STANDBY_PORT');
  const sessions = app.get(SessionManager);
  const servers = app.get(ServersService);
  const replacement = new Replacement(servers, logger, {
    isReady: () => readiness.phase === 'ready',
    replace: () => end('replacement', REPLACEMENT_EXIT_CODE),
  });
  readiness.isMarked = () => replacement.isMarked;
  const uncaught = new UncaughtErrors(logger, app.get(ErrorAnswers), metrics, replacement);
  setHandler((error) => uncaught.handle(error));
  await listener.open();
  await standby?.open();
  heartbeat.onPause = (ms) => fence(ms, watch, standby);
  readiness.phase = 'ready';
  watch.start();
  replacement.start();
  logger.info({ port: listener.boundPort, metricsPort, publicUrl: config.server.publicUrl.origin }, 'listening');

  const end = onEndSignal(logger, limits.shutdownMs, async () => {
    readiness.phase = 'draining';
    watch.stop();
    await Promise.all([
      sessions.closeUpgrades(),
      listener.close(limits.requestMs),
      standby?.close(limits.requestMs),
      replacement.stop().then(() => servers.withdraw()),
    ]);
    await app.close();
    await storage.close();
    await cluster.close();
    metricsServer.close();
    metricsServer.closeAllConnections();
  });
});

/** A request from before a pause is never answered after it: a server that cannot guarantee that must exit. */
function fence(ms: number, watch: StoreWatch, standby: PublicListener | undefined): void {
  try {
    watch.paused(ms);
    standby?.drop();
  } catch (error) {
    exitAtOnce(logger, error);
  }
  void standby?.open();
}
