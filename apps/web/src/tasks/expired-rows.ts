// The background task that deletes expired rows: counters of attempts, tokens of mails, claims of requests, old events of
// the audit log, what the outbox has done.
import type { Cluster } from '@roam/mysql-cluster';
import { limits } from '../config/limits.js';
import type { Task } from './task-runner.js';

const batchSize = 100;

/**
 * Each statement deletes one batch of the rows that are older than `keptMs`, given as milliseconds since 1970. The audit log
 * has a view of its own for that, because the web servers may delete nothing else of it.
 */
const deletions: readonly { readonly sql: string; readonly keptMs?: number }[] = [
  { sql: 'DELETE FROM throttles WHERE expires_at < ? LIMIT ?', keptMs: 0 },
  { sql: 'DELETE FROM account_tokens WHERE expires_at < ? LIMIT ?', keptMs: 0 },
  { sql: 'DELETE FROM request_claims WHERE expires_at < ? LIMIT ?', keptMs: 0 },
  { sql: 'DELETE FROM expired_audit_events LIMIT ?' },
  // A late repetition of the request still finds its key meanwhile.
  { sql: 'DELETE FROM outbox WHERE sent_at < ? LIMIT ?', keptMs: limits.outboxSentMs },
  { sql: 'DELETE FROM outbox WHERE due_at IS NULL AND created_at < ? LIMIT ?', keptMs: limits.outboxGivenUpMs },
];

/** @param now milliseconds since 1970; for tests */
export function expiredRows(cluster: Pick<Cluster, 'write'>, now: () => number = Date.now): Task {
  const batch = async () => {
    let deleted = 0;
    for (const { sql, keptMs } of deletions)
      deleted += (await cluster.write(sql, keptMs === undefined ? [batchSize] : [now() - keptMs, batchSize]))
        .affectedRows;
    return deleted;
  };
  return { name: 'housekeeping', everyMs: 10 * 60_000, leased: true, batch };
}
