// Waits until a write has been applied on every healthy node.
import type { RowDataPacket } from 'mysql2';
import type { WriteHeader } from './connection.js';
import type { Failover } from './failover.js';
import type { ClusterNode } from './node.js';

interface GtidRow extends RowDataPacket {
  readonly gtids: string;
}
interface AppliedRow extends RowDataPacket {
  readonly timedOut: number;
}
const WAIT_APPLIED = 'SELECT WAIT_FOR_EXECUTED_GTID_SET(?, ?) AS timedOut';

/**
 * Waits until every other healthy node has applied what this one has; fences those that do not say in time that they
 * have. False when the node itself does not say what that is.
 */
export async function awaitEverywhere(failover: Failover, written: ClusterNode, header: WriteHeader): Promise<boolean> {
  const { nodeSet } = failover;
  const { maxLagMs, urls } = nodeSet.options;
  if (urls.length === 1) return true;
  let gtids = header.stateChanges?.gtids?.join(',');
  if (gtids === undefined) {
    // It changed nothing, perhaps because another had just done the same: wait for all that this node has.
    const rows = await failover.ask<GtidRow>(written, 'SELECT @@global.gtid_executed AS gtids', [], maxLagMs);
    gtids = rows?.[0]?.gtids;
  }
  if (gtids === undefined) return false;
  if (gtids === '') return true;
  // Those that come back while we wait, or later, must have it by themselves.
  nodeSet.executed(written, gtids);
  const others = nodeSet.usable.filter((node) => node !== written);
  const parameters = [gtids, maxLagMs / 1000];
  await Promise.all(
    others.map(async (node) => {
      // A little more than MySQL waits itself, so that it can say that it was too slow.
      const rows = await failover.ask<AppliedRow>(node, WAIT_APPLIED, parameters, maxLagMs * 1.2);
      if (Number(rows?.[0]?.timedOut) !== 0)
        nodeSet.passOver(node, `it did not confirm within ${maxLagMs} ms that it has applied a write`);
    }),
  );
  return true;
}
