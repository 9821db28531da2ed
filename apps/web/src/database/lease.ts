// Work that one web server at a time should do.
import type { Cluster } from '@roam/mysql-cluster';

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
  const now = Date.now();
  const { affectedRows } = await cluster.write(
    'UPDATE leases SET holder = ?, until = ? WHERE name = ? AND (holder = ? OR until < ?)',
    [holder, now + forMs, name, holder, now],
  );
  return affectedRows > 0;
}

/** For whoever comes next, when the holder cannot do the work. */
export async function giveLeaseUp(cluster: Pick<Cluster, 'write'>, name: string, holder: string): Promise<void> {
  await cluster.write('UPDATE leases SET until = 0 WHERE name = ? AND holder = ?', [name, holder]);
}
