// /api/streams/cluster: the state of the cluster as this server sees it, as server-sent events, if servers may be
// shown.
import type { MysqlCluster } from '@roam/mysql-cluster';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { Config } from '../config/config.js';
import type { Readiness } from '../health/readiness.js';
import type { Route } from '../routes/collect-routes.js';
import { policyOf } from '../routes/policy.js';
import { clusterState } from './cluster-state.js';

const everyMs = 1_000;

/** It has no controller that could declare this. */
export const clusterStreamRoute: Route = {
  method: 'GET',
  path: '/api/streams/cluster',
  policy: policyOf('GET', { stream: true }),
};

/**
 * Runs before all other middleware: it needs no session and no database, and shows only what the page shows; a page
 * without a stream shows the state of its last load. It ends when the server drains; the browser then connects to another
 * server.
 */
export function clusterStream(
  config: Config,
  cluster: Pick<MysqlCluster, 'nodes' | 'onChange' | 'homeOf'>,
  readiness: Pick<Readiness, 'phase' | 'places' | 'leader'>,
): RequestHandler {
  return (request: Request, response: Response, next: NextFunction) => {
    if (!config.server.show || request.path !== clusterStreamRoute.path || request.method !== 'GET') return next();
    const { session } = request.query;
    const send = () => {
      if (readiness.phase === 'draining') return void response.end();
      const state = clusterState(config, cluster, readiness, typeof session === 'string' ? session : undefined);
      // A client that reads too slowly misses a state. The next one is complete.
      if (!response.writableNeedDrain) response.write(`data: ${JSON.stringify(state)}\n\n`);
    };
    response.set({ 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    response.write('retry: 1000\n\n');
    send();
    const timer = setInterval(send, everyMs);
    const stopListening = cluster.onChange(send);
    response.once('close', () => {
      clearInterval(timer);
      stopListening();
    });
  };
}
