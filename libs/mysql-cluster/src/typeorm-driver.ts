// mysql2's shape for TypeORM's `driver` option, with connections from whichever node accepts writes now.
import type { Connection, ConnectionOptions, QueryError } from 'mysql2';
import { firstAttemptMs } from './budget.js';
import type { NodeConnection } from './connection.js';
import { DeadlineError, NoConnectionError } from './errors.js';
import type { Failover, Lease } from './failover.js';
import type { ClusterNode } from './node.js';
import { NodePool } from './node-pool.js';
import type { TypeormLease } from './one-transaction.js';

export interface TypeormDriverOptions {
  /** Milliseconds that each statement may take (default: half of the write timeout); more for migrations. */
  readonly statementTimeoutMs?: number;
  /** Milliseconds that obtaining a connection may take (default: half of the write timeout). */
  readonly acquireTimeoutMs?: number;
}

/** The part of mysql2 that TypeORM's MySQL driver calls. */
export interface MysqlDriver {
  createPool(options: ConnectionOptions & { readonly connectionLimit?: number }): MysqlPool;
}
interface MysqlPool {
  getConnection(callback: (error: Error | null, connection?: LeasedConnection) => void): void;
  end(callback?: (error?: Error | null) => void): void;
}
/** mysql2's own connection; `release` gives it back. */
export type LeasedConnection = Connection & { release(): void };

type QueryCallback = (error: QueryError | null, ...rest: unknown[]) => void;

/** A statement that waits for a lock gives up soon after we have, or it would take effect when nobody waits for it any more. */
const setupFor = (statementTimeoutMs: number) =>
  "SET SESSION transaction_isolation = 'READ-COMMITTED', time_zone = '+00:00', " +
  `innodb_lock_wait_timeout = ${Math.ceil(statementTimeoutMs / 1000)}`;

export function createTypeormDriver(failover: Failover, options: TypeormDriverOptions): MysqlDriver {
  const nodes = failover.nodeSet;
  const statementTimeoutMs = () => options.statementTimeoutMs ?? nodes.writeTimeoutMs / 2;
  const acquireTimeoutMs = () => options.acquireTimeoutMs ?? nodes.writeTimeoutMs / 2;
  return {
    createPool(typeormOptions) {
      const pools = new Map<ClusterNode, NodePool>();
      const leased = new WeakMap<NodeConnection, LeasedConnection>();

      /** TypeORM's options decide how values are read, so it has connections of its own. */
      const poolOf = (node: ClusterNode): NodePool => {
        let pool = pools.get(node);
        if (!pool) {
          pool = new NodePool(nodes.clock, {
            connection: { ...node.connection, ...formatOptions(typeormOptions) },
            setup: setupFor(statementTimeoutMs()),
            limit: typeormOptions.connectionLimit ?? 2 * nodes.options.connectionsPerNode,
            queueLimit: nodes.options.queueLimit,
            connectTimeoutMs: nodes.options.writeTimeoutMs,
            hasAnsweredSince: (moment) => nodes.hasAnsweredSince(node, moment),
            onConnectFailure: (error) => nodes.failed(node, error),
          });
          pools.set(node, pool);
        }
        return pool;
      };

      const hand = ({ node, connection }: Lease): LeasedConnection => {
        const known = leased.get(connection);
        const handed = known ?? withDeadlines(connection, statementTimeoutMs, failover, node);
        if (!known) leased.set(connection, handed);
        let released = false;
        handed.release = () => {
          if (released) return;
          released = true;
          poolOf(node).release(connection);
        };
        return handed;
      };

      const lease = async (): Promise<TypeormLease> => {
        const leased = await failover.lease(poolOf, acquireTimeoutMs());
        return { ...leased, handed: hand(leased) };
      };

      return {
        getConnection(callback) {
          const transaction = failover.transactions.getStore();
          const connecting = transaction?.connect(lease) ?? lease().then(({ handed }) => handed);
          connecting.then((connection) => callback(null, connection), callback);
        },
        end(callback) {
          const deadline = nodes.clock.now() + acquireTimeoutMs();
          void Promise.all([...pools.values()].map((pool) => pool.close(deadline))).then(() => callback?.(null));
        },
      };
    },
  };
}

/** Lets every statement sent over mysql2's own interface end in time, and tells the cluster of a node that fails. */
function withDeadlines(
  connection: NodeConnection,
  timeoutMs: () => number,
  failover: Failover,
  node: ClusterNode,
): LeasedConnection {
  const { nodeSet: nodes } = failover;
  const raw = connection.raw as LeasedConnection;
  const send = raw.query.bind(raw) as (sql: unknown, ...rest: unknown[]) => ReturnType<Connection['query']>;
  const query = (sql: unknown, ...rest: unknown[]) => {
    const callback = rest.at(-1);
    // A stream takes as long as its reader does.
    if (typeof callback !== 'function') return send(sql, ...rest);
    let isOver = false;
    const settle: QueryCallback = (error, ...results) => {
      isOver = true;
      connection.deadline = Infinity;
      if (error) nodes.failed(node, error);
      (callback as QueryCallback)(error, ...results);
    };
    const now = nodes.clock.now();
    if (connection.isGone) {
      settle(
        new NoConnectionError(
          'the connection to MySQL is closed; the statement was not sent',
          false,
        ) as unknown as QueryError,
      );
      return undefined;
    }
    const text = typeof sql === 'string' ? sql : 'a statement';
    const time = failover.statementBudget(timeoutMs());
    // A commit has no more to do in a long time: it only waits, and others that commit meanwhile tell of its node.
    const isCommit = text === 'COMMIT';
    const budget = isCommit ? failover.budget(time.ms) : time;
    const hard = now + time.ms;
    // A node that answers nothing meanwhile is frozen: whoever tries again finds another one.
    const hasAlternative = nodes.usable.some((other) => other !== node);
    const soft = hasAlternative ? Math.min(hard, now + firstAttemptMs(nodes.writeTimeoutMs)) : hard;
    const leaveWhenStuck = () => {
      nodes.doubt(node);
      void failover
        .untilStuck(node, now, budget, () => isOver)
        .then(() => {
          if (!isOver) connection.destroy(new DeadlineError(text, nodes.clock.now() - now));
        });
    };
    connection.arm(text, time.isLong || isCommit ? { soft, hard, onSlow: leaveWhenStuck } : { soft, hard });
    return send(sql, ...rest.slice(0, -1), settle);
  };
  return Object.assign(raw, { query });
}

/** What of TypeORM's options says how values are sent and read; where to connect is the cluster's. */
function formatOptions(options: ConnectionOptions): ConnectionOptions {
  const { charset, timezone, supportBigNumbers, bigNumberStrings, dateStrings, multipleStatements, stringifyObjects } =
    options;
  const chosen = {
    charset,
    timezone,
    supportBigNumbers,
    bigNumberStrings,
    dateStrings,
    multipleStatements,
    stringifyObjects,
  };
  return Object.fromEntries(Object.entries(chosen).filter(([, value]) => value !== undefined));
}
