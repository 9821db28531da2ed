// Connects to MySQL at the start: waits for it, logs the reason for waiting, and gives up with that reason.
import { MysqlCluster } from '@roam/mysql-cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Config } from '../config/config.js';
import { limits } from '../config/limits.js';

/** A dependency was not available in time at the start. */
class StartError extends Error {
  readonly code = 'start_failed';
  override readonly name = 'StartError';
}

/** Resolves when at least one node can be used. @param urls the account's. @throws {ClusterUnavailableError} if none can in time */
export function connectCluster(
  config: Config,
  logger: Logger,
  writeTimeoutMs: number = limits.writeMs,
  urls: readonly string[] = config.database.urls,
): Promise<MysqlCluster> {
  const { ca } = config.database;
  return MysqlCluster.connect({
    urls,
    ...(ca !== undefined && { ca }),
    readTimeoutMs: limits.readMs,
    writeTimeoutMs,
    startTimeoutMs: limits.startMs,
    frozenMs: limits.frozenMs,
    log: (level, message, details) => logger[level]({ ...details }, message),
  });
}

/**
 * Repeats the attempt until it succeeds, and logs the reason for waiting. @throws {StartError} after `limits.startMs`
 */
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
