// The cluster's own errors, and what MySQL's errors mean for the node that gave them.

/** No node could answer in time. `reasons` says for each node why not; `outcomeUnknown` that a write may have happened. */
export class ClusterUnavailableError extends Error {
  readonly code = 'cluster_unavailable';
  constructor(
    message: string,
    readonly reasons: readonly string[],
    options: { readonly cause?: unknown; readonly outcomeUnknown?: boolean } = {},
  ) {
    super(reasons.length > 0 ? `${message}: ${reasons.join('; ')}` : message, { cause: options.cause });
    this.name = 'ClusterUnavailableError';
    this.outcomeUnknown = options.outcomeUnknown ?? false;
  }
  readonly outcomeUnknown: boolean;
}

/** A statement or a connection attempt got no answer in time; its connection was destroyed. */
export class DeadlineError extends Error {
  readonly code = 'deadline_missed';
  /** As in mysql2's errors: the connection is gone. */
  readonly fatal = true;
  constructor(
    what: string,
    /** Milliseconds that the answer was waited for; few say little about the node. 0: `what` is the whole message. */
    readonly waitedMs: number,
  ) {
    super(waitedMs > 0 ? `no answer from MySQL within ${Math.round(waitedMs)} ms: ${shorten(what)}` : what);
    this.name = 'DeadlineError';
  }
}

/** A transaction was used in a way that it does not allow, and is rolled back. */
export class TransactionError extends Error {
  readonly code = 'transaction_misused';
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'TransactionError';
  }
}

/** The node gave no connection, so nothing was sent to it. */
export class NoConnectionError extends Error {
  readonly code = 'no_connection';
  constructor(
    message: string,
    /** True when too many wait already: to be refused at once, not tried elsewhere. */
    readonly isOverload: boolean,
    options?: { readonly cause?: unknown },
  ) {
    super(message, options);
    this.name = 'NoConnectionError';
  }
}

/** This server cannot be a node of the cluster, and waiting does not change that. */
export class UnsupportedServerError extends Error {
  readonly code = 'unsupported_server';
  constructor(version: string) {
    super(`the server is ${version}; MySQL 8.4 or later is needed`);
    this.name = 'UnsupportedServerError';
  }
}

/**
 * What an error says about the node and the statement:
 * - `conflict`: the statement was rolled back in favour of another; the same node may try again;
 * - `refused`: the node cannot take it now, another may;
 * - `lost`: the connection is gone, or never came;
 * - `statement`: the node is well, the statement is at fault.
 */
export type Failure = 'conflict' | 'refused' | 'lost' | 'statement';

const CONFLICTS = new Set([
  1205, // lock wait timeout
  1213, // deadlock
  1180, // error during commit: how a certification conflict may show
  1615, // the prepared statement is older than its table
  3101, // rolled back by Group Replication during commit
]);
const REFUSALS = new Set([
  1021, // its disk is full
  1026, // the same, while it writes a file
  1040, // too many connections
  1053, // shutdown in progress
  1114, // the table is full: its disk is
  1290, // running with --read-only or --super-read-only
  1317, // query interrupted: also what a server that shuts down says
  1598, // the binary log cannot be written
  1836, // read-only mode
  3032, // offline mode
  3100, // Group Replication's hook failed: the member is leaving or blocked
  3796, // the consistency level cannot be met in the member's state
  3797, // the same while it joins or leaves
]);
const LOST = new Set([
  1152, // aborted connection
  1927, // connection killed
  4031, // closed by the server for inactivity
]);
const LOST_CODES = new Set([
  'deadline_missed',
  'no_connection',
  'PROTOCOL_CONNECTION_LOST',
  'PROTOCOL_SEQUENCE_TIMEOUT',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);
// The transaction had reached its commit: in a group that was losing its majority it may have been applied elsewhere.
const OUTCOME_UNKNOWN = new Set([1053, 1152, 1180, 1317, 1927, 3100, 3101]);

interface MysqlError {
  readonly errno?: unknown;
  readonly code?: unknown;
  readonly fatal?: unknown;
  readonly driverError?: unknown;
  readonly cause?: unknown;
}

/** Classifies mysql2's errors, the cluster's own, and TypeORM's `QueryFailedError` around either. */
export function failureOf(error: unknown): Failure {
  if (typeof error !== 'object' || error === null) return 'statement';
  const { errno, code, fatal, driverError } = error as MysqlError;
  if (typeof errno === 'number') {
    if (CONFLICTS.has(errno)) return 'conflict';
    if (REFUSALS.has(errno)) return 'refused';
    if (LOST.has(errno)) return 'lost';
  }
  if (fatal === true || (typeof code === 'string' && LOST_CODES.has(code))) return 'lost';
  return driverError === undefined ? 'statement' : failureOf(driverError);
}

/** True when the failed write may have been applied all the same. */
export function isOutcomeUnknown(error: unknown): boolean {
  if (error instanceof NoConnectionError) return false;
  const { errno } = error as MysqlError;
  if (typeof errno === 'number' && OUTCOME_UNKNOWN.has(errno)) return true;
  return failureOf(error) === 'lost';
}

/** One line, for messages: a statement may have many. */
function shorten(statement: string): string {
  const line = statement.replace(/\s+/g, ' ').trim();
  return line.length > 100 ? `${line.slice(0, 100)}…` : line;
}

/** What to tell an operator: MySQL's own words where there are some. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, errno } = error as MysqlError;
  // Node puts the attempts on several addresses (::1 and 127.0.0.1) into an AggregateError without a message.
  const text = error.message || (typeof code === 'string' ? code : error.name);
  return typeof errno === 'number' && errno > 0 ? `${text} (error ${errno})` : text;
}
