// Waits at the start for the first node that can be used.
import { ClusterUnavailableError } from './errors.js';
import type { NodeSet } from './node-set.js';

/** Milliseconds that the other nodes get to come into use too, so that the first requests find their homes. */
const SETTLE_MS = 1000;
const LOG_EVERY_MS = 2000;
/** Milliseconds between two looks at the nodes' states when none is said to have changed. */
const PAUSE_MS = 20;

/** @throws ClusterUnavailableError after `timeoutMs`, or at once when no server can ever be a node */
export async function untilUsable(nodes: NodeSet, timeoutMs: number): Promise<void> {
  const { clock } = nodes;
  const until = clock.now() + timeoutMs;
  let usableSince: number | undefined;
  let loggedAt = clock.now() - LOG_EVERY_MS / 2;
  for (;;) {
    const now = clock.now();
    if (nodes.usable.length > 0) {
      usableSince ??= now;
      if (nodes.isSettled || now - usableSince > SETTLE_MS) return;
    } else {
      usableSince = undefined;
      if (nodes.isHopeless) throw new ClusterUnavailableError('none of the MySQL servers can be used', nodes.reasons());
      if (now >= until)
        throw new ClusterUnavailableError(
          `timed out after ${timeoutMs / 1000} s waiting for a usable MySQL node`,
          nodes.reasons(),
        );
      if (now - loggedAt >= LOG_EVERY_MS) {
        loggedAt = now;
        for (const reason of nodes.reasons()) nodes.options.log('info', `waiting for MySQL at ${reason}`);
      }
    }
    await nodes.changed(PAUSE_MS);
  }
}
