// The outside of the cluster: what its users may call and what it promises them.
import type { RowDataPacket } from 'mysql2';

export interface ClusterOptions {
  /** `mysql://user:password@host:port/database`, one per node. */
  readonly urls: readonly string[];
  /**
   * The certificate (PEM) of the authority that signed those of the nodes. With it every connection is TLS, 1.2 or later, and
   * a node whose certificate is not signed by it, or not for the host in its url, is not spoken to (ASVS 12.3.2, 12.3.4).
   */
  readonly ca?: string;
  /** Milliseconds after which a read has failed in all (default 300): all attempts on all nodes together. */
  readonly readTimeoutMs?: number;
  /** Milliseconds after which a write has failed in all (default 800); a sixth of it just after an outage, see `isRecovering`. */
  readonly writeTimeoutMs?: number;
  /** Connections per node for reads (default 10), and twice as many for writes, which a group may hold up for a while. */
  readonly connectionsPerNode?: number;
  /** Statements that may wait for a connection to one node, or to be gathered for it; more are refused at once (default 1000). */
  readonly queueLimit?: number;
  /** Milliseconds between two looks at each node (default 250). */
  readonly watchIntervalMs?: number;
  /** Milliseconds by which a node may be behind the others before it is fenced (default 500). */
  readonly maxLagMs?: number;
  /**
   * When this process stood still for this long (default 2000), as after SIGSTOP, all that was under way is given up:
   * connections are destroyed and nothing that was about to be sent is sent, since nobody waits for it any more.
   */
  readonly frozenMs?: number;
  /** Milliseconds that `connect` waits for the first node that can be used (default 60 000). */
  readonly startTimeoutMs?: number;
  /** Receives one line per event that an operator wants to know (a node fenced, back, refused). */
  readonly log?: (level: 'info' | 'warn' | 'error', message: string, details?: object) => void;
}

/** What has happened since `connect`; every number only grows. */
export interface ClusterStats {
  /** Times that a node was passed over: it missed a deadline, was lost or lagged. */
  readonly fenced: number;
  /** Times that this process stood still so long that all nodes were looked at anew. */
  readonly stalls: number;
  /** Statements that were answered by another node than their home. */
  readonly fallbacks: number;
  /** Statements and transactions that were run again after a conflict or a failed node. */
  readonly retries: number;
  /** Writes whose answer was lost. */
  readonly unknownOutcomes: number;
}

/** What is known of one node. */
export interface NodeStatus {
  /** `host:port`. */
  readonly name: string;
  /** `server_uuid`, the same on every web server; undefined until the node has answered once. */
  readonly uuid: string | undefined;
  /**
   * `online`: may be used, for writes if `writable`; `fenced`: it missed a deadline, lags or is no full member of its
   * group, and is passed over until it has caught up; `down`: it cannot be reached.
   */
  readonly state: 'online' | 'fenced' | 'down';
  /** Undefined when it is `down`. */
  readonly role: 'primary' | 'replica' | undefined;
  /** True when it accepts writes; false when it is `down`. */
  readonly writable: boolean;
  /** Milliseconds by which it is behind the others, as last seen; undefined when unknown. */
  readonly lagMs: number | undefined;
  /** Why it is not `online`, in words; undefined when it is. */
  readonly reason: string | undefined;
}

export interface ReadOptions<T> {
  /** Chooses the home node. Default: the commonly ranked node. */
  readonly key?: string;
  /**
   * Tells whether these rows can be the answer. Where not (a row missing or older than the reader's mark), the next
   * node is asked, then those that are passed over, then all again until the read's time is up or every healthy node
   * has been asked `rounds` times; the last rows are then returned as they are.
   */
  readonly acceptable?: (rows: readonly T[]) => boolean;
  /** How often all nodes are asked at most (default 1): more than 1 waits for replication between rounds. */
  readonly rounds?: number;
}

/** A SELECT of one row by a unique key, its only parameter. Make one of each and keep it: reads of the same one are gathered. */
export interface KeyedSelect<T> {
  /** The statement for this many keys: `… WHERE id IN (?, ?)`. Called with 1, 2, 4, 8, 16 and 32. */
  sql(count: number): string;
  /** The key of a row, as its reader gives it in `ReadOptions.key`. */
  keyOf(row: T): string;
}

/** A prepared statement and its parameters. */
export interface Statement {
  readonly sql: string;
  readonly parameters: readonly Parameter[];
}

/** An UPDATE of one row by a unique key. Make one of each and keep it: changes by the same one are gathered. */
export interface KeyedUpdate<C> {
  /** The statement for one change. It matches its row, or does not, and waits for its lock. */
  alone(change: C): Statement;
  /**
   * The statement for 2 to 32 changes of different rows, in the order of their keys. It must be one that counts each row
   * that has matched once, passes over rows that are locked (SKIP LOCKED), and inserts nothing.
   */
  together(changes: readonly C[]): Statement;
  /** About how long the statement is for this change. */
  bytesOf(change: C): number;
}

export interface WriteOptions {
  /** Chooses the home node. Default: the commonly ranked node. */
  readonly key?: string;
  /**
   * When true, returns only after every healthy node has applied the write, also one that changed nothing; a node
   * that does not say so within `maxLagMs` is fenced on this server, and none comes back without it. For what must be
   * seen everywhere at once (a logout).
   */
  readonly everywhere?: boolean;
}

export interface WriteSummary {
  /** Rows that matched, as MySQL counts them (found rows). */
  readonly affectedRows: number;
  /**
   * True when an earlier attempt had an unknown outcome: the write may have been applied twice, or be its own conflict
   * (no rows matched, or a duplicate key, because it had been applied already). See also `Cluster.writeByKey`.
   */
  readonly repeated: boolean;
}

export interface RetryOptions {
  /** Milliseconds after which no further attempt begins (default: the write timeout). */
  readonly timeoutMs?: number;
  /** Attempts at most (default 6). */
  readonly attempts?: number;
}

export type TransactionOptions = RetryOptions & WriteOptions;

/** The statements of one transaction, all on one connection. */
export interface Transaction {
  read<T extends RowDataPacket>(sql: string, parameters?: readonly Parameter[]): Promise<T[]>;
  write(sql: string, parameters?: readonly Parameter[]): Promise<{ affectedRows: number; insertId: number }>;
}

export type Parameter = string | number | bigint | boolean | null | Buffer | Date;

/**
 * Several MySQL servers as one. Each key has a home node, the same for every web server that sees the same nodes as
 * healthy; statements of a key go there, and to the next in its rank when that node fails.
 *
 * Statements must be such that repeating them is harmless (compare-and-set, `INSERT` with a fresh key): a write whose
 * answer was lost is repeated on the next node, and `repeated` says so. When a read has taken four tenths of its time, or a
 * write 0.4 s on a node that stands still, the next node is asked beside it, and the first good answer counts. A statement past its deadline always
 * destroys its connection; its node is passed over until it has proved itself, if it is the node that is to blame.
 * Throws `ClusterUnavailableError` when no node could answer in time; MySQL's own errors (a duplicate
 * key, a syntax error) are passed on as mysql2 gives them. 1205, 1213, 1180 and 3101 are retried within the time.
 */
export interface Cluster {
  read<T extends RowDataPacket>(sql: string, parameters: readonly Parameter[], options?: ReadOptions<T>): Promise<T[]>;
  write(sql: string, parameters: readonly Parameter[], options?: WriteOptions): Promise<WriteSummary>;
  /**
   * `read` of one row, undefined if there is none. What is asked of a node in the same turn of the event loop goes there as
   * one statement, once; another attempt, and what is acceptable to its reader only, is each one's own.
   */
  readByKey<T extends RowDataPacket>(
    select: KeyedSelect<T>,
    parameter: Parameter,
    options: ReadOptions<T> & { readonly key: string },
  ): Promise<T | undefined>;
  /**
   * `write` of one row. The changes that reach a node in the same turn of the event loop go there as one statement, once, with
   * one commit; another attempt is each one's own. Where one of them has not matched, or its row was locked, each gets
   * `affectedRows` 0 and `repeated`: the statement has ended, and the row tells whether this change is in it. If it is
   * not, and could have matched, its row was locked: `write` it, which waits.
   */
  writeByKey<C>(update: KeyedUpdate<C>, change: C, options: { readonly key: string }): Promise<WriteSummary>;
  /** The rows of every healthy node, one array per node; nodes that fail meanwhile are left out, at least one answers. */
  readAll<T extends RowDataPacket>(sql: string, parameters: readonly Parameter[]): Promise<T[][]>;
  nodes(): readonly NodeStatus[];
}
