// Work that one web server at a time should do.
import type { Cluster } from '@roam/mysql-cluster';

/** Milliseconds since 1970 by the databases' clocks: those of the web servers may differ. */
export const databaseNow = "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000)";

/**
 * Takes the lease or prolongs it; true when `holder` has it for the next `forMs`. Two holders at once are possible for
 * a moment: what is leased must do no harm when it is done twice.
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

/** For whoever comes next, when the holder cannot do the work. */
export async function releaseLease(cluster: Pick<Cluster, 'write'>, name: string, holder: string): Promise<void> {
  await cluster.write('UPDATE leases SET until = 0 WHERE name = ? AND holder = ?', [name, holder]);
}

/** The holder is through with it, and the lease ends so much earlier. Nobody prolongs it. */
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
