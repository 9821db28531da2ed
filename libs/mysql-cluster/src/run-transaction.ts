// One transaction on one node: a statement that waits for this node alone ends it, and it may be run again elsewhere.
import type { ResultSetHeader, RowDataPacket } from 'mysql2';
import { awaitEverywhere } from './await-everywhere.js';
import type { Budget } from './budget.js';
import type { WriteHeader } from './connection.js';
import { rowsOf } from './connection.js';
import { DeadlineError } from './errors.js';
import type { Failover } from './failover.js';
import { keyHashOf } from './rendezvous.js';
import type { Parameter, Transaction, WriteOptions } from './types.js';

/** Runs `fn` once, on the key's home node. When anything fails, all is rolled back and the error passed on. */
export async function runTransaction<T>(
  failover: Failover,
  fn: (transaction: Transaction) => Promise<T>,
  budget: Budget,
  options: WriteOptions,
): Promise<T> {
  const { nodeSet } = failover;
  const { node, connection } = await failover.lease(({ writes }) => writes, budget.left, keyHashOf(options.key));
  const begun = nodeSet.clock.now();
  let isOver = false;
  let watching: Promise<void> | undefined;
  // Waits with its group, but not for a node that alone stands still: then it is run again on another one.
  const deadline = failover.deadline(budget, new Set([node]), node, () => {
    watching ??= failover
      .untilStuck(node, begun, budget, () => isOver)
      .then(() => {
        if (!isOver) connection.destroy(new DeadlineError('the transaction', nodeSet.clock.now() - begun));
      });
  });
  let result: T;
  let committed: WriteHeader;
  try {
    await connection.query('START TRANSACTION', deadline);
    result = await fn({
      read: async <R extends RowDataPacket>(sql: string, parameters: readonly Parameter[] = []) =>
        rowsOf<R>(await connection.execute(sql, parameters, deadline)),
      write: async (sql, parameters = []) => {
        const { affectedRows, insertId } = (await connection.execute(sql, parameters, deadline)) as ResultSetHeader;
        return { affectedRows, insertId };
      },
    });
    committed = (await connection.query('COMMIT', deadline)) as WriteHeader;
    nodeSet.wrote(node);
  } catch (error) {
    nodeSet.failed(node, error);
    await connection.rollBack();
    throw error;
  } finally {
    isOver = true;
    node.writes.release(connection);
  }
  if (options.everywhere && !(await awaitEverywhere(failover, node, committed)))
    throw new DeadlineError('reading the executed transactions after a commit', nodeSet.clock.now() - begun);
  return result;
}
