// What the process has opened before the app, and closes after it.
import type { MysqlCluster } from '@roam/mysql-cluster';
import type { AnySessions } from '@roam/session';
import type { Logger } from 'pino';
import type { Config } from './config/config.js';
import type { Metrics } from './health/metrics.js';
import type { Readiness } from './health/readiness.js';
import type { Heartbeat } from './lifecycle/heartbeat.js';

export interface Runtime {
  readonly config: Config;
  readonly cluster: MysqlCluster;
  readonly store: AnySessions;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly heartbeat: Heartbeat;
  readonly readiness: Readiness;
}
