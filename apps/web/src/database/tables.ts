// Whether the migrations have run.
import type { Cluster } from '@roam/mysql-cluster';

/** @throws MySQL's own error while a table is missing */
export async function assertTables(cluster: Cluster): Promise<void> {
  for (const table of [
    'users',
    'servers',
    'leases',
    'throttles',
    'audit_events',
    'account_tokens',
    'recovery_codes',
    'passkeys',
    'sessions',
  ])
    await cluster.read(`SELECT 1 FROM ${table} LIMIT 0`, []);
}
