// Reaching MySQL at start: waits for it, says what it is waiting for, and gives up with the reason.
import { MysqlCluster } from '@roam/mysql-cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Config } from '../config/config.js';
import { limits } from '../config/limits.js';

/** What start waited for did not come in time. */
class StartError extends Error {
  readonly code = 'start_failed';
  override readonly name = 'StartError';
}

/** The cluster, as soon as one of its nodes can be used. @throws {ClusterUnavailableError} when none can in time */
export function connectCluster(
  config: Config,
  logger: Logger,
  writeTimeoutMs: number = limits.writeMs,
): Promise<MysqlCluster> {
  return MysqlCluster.connect({
    ...config.database,
    readTimeoutMs: limits.readMs,
    writeTimeoutMs,
    startTimeoutMs: limits.startMs,
    frozenMs: limits.frozenMs,
    log: (level, message, details) => logger[level]({ ...details }, message),
  });
}

/** Tries until it works, and says meanwhile what it waits for. @throws {StartError} after `limits.startMs` */
export async function untilItWorks<T>(what: string, attempt: () => Promise<T>, logger: Logger): Promise<T> {
  const giveUpAt = Date.now() + limits.startMs;
  let saidAt = 0;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      const reason = `${what}: ${error instanceof Error ? error.message : String(error)}`;
      if (Date.now() >= giveUpAt) {
        throw new StartError(`Timed out after ${limits.startMs / 1_000} s waiting for ${reason}`, { cause: error });
      }
      if (Date.now() - saidAt >= 3_000) {
        saidAt = Date.now();
        logger.warn(`waiting for ${reason}`);
      }
      await sleep(500);
    }
  }
}
