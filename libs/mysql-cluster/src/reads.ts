// How a cluster reads: on the home node, then on the others, until the reader can take the answer.
import type { RowDataPacket } from 'mysql2';
import type { AttemptDeadline } from './budget.js';
import { rowsOf, type StatementResult } from './connection.js';
import type { Failover } from './failover.js';
import type { ClusterNode } from './node.js';
import { keyHashOf } from './rendezvous.js';
import type { KeyedSelect, Parameter, ReadOptions } from './types.js';

/** Milliseconds between two rounds of a read whose answer was not acceptable: time for replication. */
const ROUND_PAUSE_MS = 25;

/** Asks one node. */
type Ask = (node: ClusterNode, deadline: AttemptDeadline) => Promise<StatementResult>;

/** See `Cluster.read`. @param ask how a node is asked, where not by this statement alone */
export async function readIn<T extends RowDataPacket>(
  failover: Failover,
  sql: string,
  parameters: readonly Parameter[],
  { acceptable, rounds = 1, key }: ReadOptions<T>,
  ask: Ask = (node, deadline) => node.reads.run(sql, parameters, deadline),
): Promise<T[]> {
  const { nodeSet, counters } = failover;
  const keyHash = keyHashOf(key);
  const budget = failover.statementBudget(nodeSet.options.readTimeoutMs);
  let rows: T[] | undefined;
  let round = 1;
  return failover.run<StatementResult, T[]>({
    access: 'reads',
    keyHash,
    budget,
    attempt: ask,
    answered: (node, answer) => {
      rows = rowsOf<T>(answer);
      if (acceptable && !acceptable(rows)) return undefined;
      if (node !== nodeSet.home(keyHash, 'reads')) counters.fallbacks++;
      return rows;
    },
    exhausted: async () => {
      if (!rows || !acceptable) return undefined;
      // The healthy have answered, with less than the reader has seen: one that is passed over may have the row.
      const soon = Math.min(budget.left, 2 * ROUND_PAUSE_MS);
      const spares = nodeSet.passedOver().map((spare) => failover.ask<T>(spare, sql, parameters, soon));
      const found = (await Promise.all(spares)).find((each) => each && acceptable(each));
      if (found) counters.fallbacks++;
      return found ?? (round++ >= rounds ? rows : undefined);
    },
    pauseMs: () => (rows ? ROUND_PAUSE_MS : undefined),
    giveUp: (cause) => {
      if (rows) return rows;
      throw failover.unavailable(`no MySQL node answered the read (limit ${budget.ms} ms)`, { cause });
    },
  });
}

/** See `Cluster.readByKey`. Only the first attempt is gathered with others: what follows is this reader's own matter. */
export async function readByKeyIn<T extends RowDataPacket>(
  failover: Failover,
  select: KeyedSelect<T>,
  parameter: Parameter,
  options: ReadOptions<T> & { readonly key: string },
): Promise<T | undefined> {
  const alone = select.sql(1);
  let isFirst = true;
  const ask: Ask = (node, deadline) => {
    if (!isFirst) return node.reads.run(alone, [parameter], deadline);
    isFirst = false;
    return node.gatheredReads.run(select, options.key, parameter, deadline);
  };
  return (await readIn<T>(failover, alone, [parameter], options, ask))[0];
}

/** See `Cluster.readAll`. */
export async function readAllIn<T extends RowDataPacket>(
  failover: Failover,
  sql: string,
  parameters: readonly Parameter[],
): Promise<T[][]> {
  const { nodeSet } = failover;
  const budget = failover.statementBudget(nodeSet.options.readTimeoutMs);
  do {
    const asked = nodeSet.readable.map((node) => failover.ask<T>(node, sql, parameters, budget.left));
    const answered = (await Promise.all(asked)).filter((rows) => rows !== undefined);
    if (answered.length > 0) return answered;
  } while (await failover.pause(budget, 'reads'));
  throw failover.unavailable(`no MySQL node answered the read (limit ${budget.ms} ms)`);
}
