// The metrics port, never public: /metrics, and /healthz and /readyz from the beginning of the start to the end.
import { createServer, type Server, type ServerResponse } from 'node:http';
import { listen } from '../lifecycle/listen.js';
import type { Metrics } from './metrics.js';
import { isFromWebPage } from './is-from-web-page.js';
import type { Readiness } from './readiness.js';

/** No page of another site may read or embed an answer. */
const headers = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

/**
 * @param hosts the names with a dot by which programs may reach it
 * @throws {PortInUseError}
 */
export async function startMetricsServer(
  port: number,
  host: string,
  hosts: readonly string[],
  metrics: Metrics,
  readiness: Readiness,
): Promise<Server> {
  const json = (response: ServerResponse, status: number, body: object) =>
    response.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body));
  const server = createServer((request, response) => {
    if (isFromWebPage(request, hosts))
      return json(response, 403, {
        error: 'This port is for programs. Use an IP address, a name without a dot or one of METRICS_HOSTS.',
      });
    switch (request.url?.split('?')[0]) {
      case '/healthz':
        return json(response, 200, { alive: true });
      case '/readyz': {
        const report = readiness.report();
        return json(response, report.ready ? 200 : 503, report);
      }
      case '/metrics':
        return void metrics.registry.metrics().then(
          (text) => response.writeHead(200, { 'Content-Type': metrics.registry.contentType, ...headers }).end(text),
          () => json(response, 500, { error: 'The metrics could not be collected. Try again.' }),
        );
      default:
        return json(response, 404, { error: 'Not found. This port serves /healthz, /readyz and /metrics.' });
    }
  });
  await listen(server, port, host, 'METRICS_PORT');
  return server;
}
