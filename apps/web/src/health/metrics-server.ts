// The metrics port, never public: /metrics, and /healthz and /readyz from the beginning of the start to the end.
import { createServer, type Server, type ServerResponse } from 'node:http';
import { listen } from '../lifecycle/listen.js';
import type { Metrics } from './metrics.js';
import type { Readiness } from './readiness.js';

/** @throws {PortInUseError} */
export async function startMetricsServer(
  port: number,
  host: string,
  metrics: Metrics,
  readiness: Readiness,
): Promise<Server> {
  const json = (response: ServerResponse, status: number, body: object) =>
    response
      .writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' })
      .end(JSON.stringify(body));
  const server = createServer((request, response) => {
    switch (request.url?.split('?')[0]) {
      case '/healthz':
        return json(response, 200, { alive: true });
      case '/readyz': {
        const report = readiness.report();
        return json(response, report.ready ? 200 : 503, report);
      }
      case '/metrics':
        return void metrics.registry.metrics().then(
          (text) => response.writeHead(200, { 'Content-Type': metrics.registry.contentType }).end(text),
          () => json(response, 500, { error: 'The metrics could not be collected. Try again.' }),
        );
      default:
        return json(response, 404, { error: 'Not found. This port serves /healthz, /readyz and /metrics.' });
    }
  });
  await listen(server, port, host, 'METRICS_PORT');
  return server;
}
