// How a cluster writes: on the home node, then on the others, until one has taken it.
import { setTimeout as sleep } from 'node:timers/promises';
import { awaitEverywhere } from './await-everywhere.js';
import type { AttemptDeadline } from './budget.js';
import type { WriteHeader } from './connection.js';
import { isOutcomeUnknown } from './errors.js';
import type { Failover } from './failover.js';
import type { Written } from './gathered-writes.js';
import type { ClusterNode } from './node.js';
import { keyHashOf } from './rendezvous.js';
import { jitter } from './retry.js';
import type { KeyedUpdate, Parameter, WriteOptions, WriteSummary } from './types.js';

/** Writes on one node. */
type Put = (node: ClusterNode, deadline: AttemptDeadline) => Promise<Written>;

/** See `Cluster.write`. */
export function writeIn(
  failover: Failover,
  sql: string,
  parameters: readonly Parameter[],
  options: WriteOptions,
): Promise<WriteSummary> {
  return putIn(failover, (node, deadline) => put(node, sql, parameters, deadline), options);
}

/** See `Cluster.writeByKey`. Only the first attempt is gathered with others: what follows is this writer's own matter. */
export function writeByKeyIn<C>(
  failover: Failover,
  update: KeyedUpdate<C>,
  change: C,
  { key }: { readonly key: string },
): Promise<WriteSummary> {
  let isFirst = true;
  const putChange: Put = (node, deadline) => {
    if (isFirst) {
      isFirst = false;
      return node.gatheredWrites.run(update, key, change, deadline);
    }
    const { sql, parameters } = update.alone(change);
    return put(node, sql, parameters, deadline);
  };
  return putIn(failover, putChange, { key });
}

async function put(
  node: ClusterNode,
  sql: string,
  parameters: readonly Parameter[],
  deadline: AttemptDeadline,
): Promise<Written> {
  const header = (await node.writes.run(sql, parameters, deadline)) as WriteHeader;
  return { header, affectedRows: header.affectedRows };
}

async function putIn(failover: Failover, put: Put, { key, everywhere }: WriteOptions): Promise<WriteSummary> {
  const { nodeSet, counters } = failover;
  const budget = failover.statementBudget(nodeSet.writeTimeoutMs);
  let repeated = false;
  let conflicts = 0;
  return failover.run<Written, WriteSummary>({
    access: 'writes',
    keyHash: keyHashOf(key),
    budget,
    attempt: (node, deadline, isBeside) => {
      // Both may take effect.
      repeated ||= isBeside;
      return put(node, deadline);
    },
    answered: async (node, { header, affectedRows }, tried) => {
      nodeSet.wrote(node);
      if (tried.size > 1) counters.fallbacks++;
      if (everywhere && !(await awaitEverywhere(failover, node, header))) {
        counters.retries++;
        repeated = true;
        return undefined;
      }
      return { affectedRows: affectedRows ?? 0, repeated: repeated || affectedRows === undefined };
    },
    failed: async (error, failure) => {
      counters.retries++;
      if (isOutcomeUnknown(error)) {
        if (failure === 'lost') counters.unknownOutcomes++;
        repeated = true;
      }
      if (failure !== 'conflict') return false;
      // The winner of a conflict is on its way to this node too: let it arrive.
      await sleep(jitter(++conflicts));
      return true;
    },
    giveUp: (cause) => {
      throw failover.unavailable(`no MySQL node completed the write (limit ${budget.ms} ms)`, {
        cause,
        outcomeUnknown: repeated,
      });
    },
  });
}
