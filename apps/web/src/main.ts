// Starts one web server, and ends it in good order.
import { createApp, secondServer } from './app.js';
import { loadConfig } from './config/load.js';
import { limits } from './config/limits.js';
import { connectCluster, untilItWorks } from './database/connect.js';
import { assertTables } from './database/tables.js';
import { Metrics } from './health/metrics.js';
import { startMetricsServer } from './health/metrics-server.js';
import { Readiness } from './health/readiness.js';
import { Heartbeat } from './lifecycle/heartbeat.js';
import { inTime } from './lifecycle/in-time.js';
import { PublicListener } from './lifecycle/public-listener.js';
import { exitOnFailure, onEndSignal } from './lifecycle/process.js';
import { StoreWatch } from './lifecycle/store-watch.js';
import { rootLogger } from './logging/logging.js';
import { openSessionStorage } from './session/session-storage.js';
import { ServersService } from './servers/servers.service.js';

const config = loadConfig();
const logger = rootLogger(config);

await exitOnFailure(logger, async () => {
  const { port, host, metricsPort, standbyPort } = config.server;
  const readiness = new Readiness();
  const metrics = new Metrics(readiness);
  const metricsServer = await startMetricsServer(metricsPort, host, metrics, readiness);

  readiness.waitingFor = 'MySQL';
  const cluster = await connectCluster(config, logger);
  readiness.nodes = () => cluster.nodes();
  readiness.isOut = () => cluster.isOut;
  readiness.isGathering = () => cluster.isGathering;
  readiness.waitingFor = 'the database tables, which the migrations (migrate.js) create';
  await untilItWorks(readiness.waitingFor, () => assertTables(cluster), logger);
  readiness.waitingFor = `the session store (method ${config.session.method})`;
  const storage = await openSessionStorage(config, cluster, logger);
  readiness.storage = storage;
  readiness.waitingFor = 'the app to start';
  const heartbeat = new Heartbeat(limits.frozenMs);
  const makingApp = createApp(config, cluster, storage.store, logger, readiness, metrics, heartbeat);
  const app = await inTime(limits.startMs, readiness.waitingFor, makingApp);
  readiness.waitingFor = undefined;
  const listener = new PublicListener(app.getHttpServer(), port, host);
  const watch = new StoreWatch(readiness, listener, logger);
  await listener.open();
  const standby =
    standbyPort === undefined ? undefined : new PublicListener(secondServer(app), standbyPort, host, 'STANDBY_PORT');
  await standby?.open();
  heartbeat.onFreeze = (ms) => {
    watch.frozen(ms);
    standby?.drop();
    void standby?.open();
  };
  readiness.phase = 'ready';
  watch.start();
  const servers = app.get(ServersService);
  await servers.announce();
  logger.info({ port: listener.boundPort, metricsPort, publicUrl: config.server.publicUrl.origin }, 'listening');

  onEndSignal(logger, limits.shutdownMs, async () => {
    readiness.phase = 'draining';
    watch.stop();
    await Promise.all([listener.close(limits.requestMs), standby?.close(limits.requestMs), servers.withdraw()]);
    await app.close();
    await storage.close();
    await cluster.close();
    metricsServer.close();
    metricsServer.closeAllConnections();
  });
});
