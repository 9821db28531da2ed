// Leases in the database: each gives one web server the right to a job for a while.
import type { Cluster } from '@roam/mysql-cluster';

/** Milliseconds since 1970 by the clocks of the databases; those of the web servers may differ. */
export const databaseNow = "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000)";

/**
 * Takes the lease or prolongs it; true when `holder` has it for the next `forMs`. For a moment two holders are
 * possible: the leased work must be harmless when it is done twice.
 */
export async function takeLease(
  cluster: Pick<Cluster, 'write'>,
  name: string,
  holder: string,
  forMs: number,
): Promise<boolean> {
  const { affectedRows } = await cluster.write(
    `UPDATE leases SET holder = ?, until = ${databaseNow} + ? WHERE name = ? AND (holder = ? OR until < ${databaseNow})`,
    [holder, forMs, name, holder],
  );
  return affectedRows > 0;
}

/** Ends the lease, because the holder cannot do the work: the next server may take it. */
export async function releaseLease(cluster: Pick<Cluster, 'write'>, name: string, holder: string): Promise<void> {
  await cluster.write('UPDATE leases SET until = 0 WHERE name = ? AND holder = ?', [name, holder]);
}

/** The holder has finished; the lease ends so much earlier, and nobody can prolong it. */
export async function shortenLease(
  cluster: Pick<Cluster, 'write'>,
  name: string,
  holder: string,
  byMs: number,
): Promise<void> {
  await cluster.write("UPDATE leases SET holder = '', until = until - ? WHERE name = ? AND holder = ? AND until > ?", [
    byMs,
    name,
    holder,
    byMs,
  ]);
}
