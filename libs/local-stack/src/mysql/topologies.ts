// How the servers of each topology replicate, from the first start on and after a restart.
import { setTimeout as sleep } from 'node:timers/promises';
import type { RowDataPacket } from 'mysql2/promise';
import { GroupKeeper } from '@roam/mysql-cluster/group';
import { StackError } from '../errors.js';
import type { Progress, Topology } from '../types.js';
import type { RunAccounts } from './accounts.js';
import type { MysqlNode } from './node.js';

/** Sets up nodes that have just started, read-only. */
export interface Replication {
  /** Resolves when all nodes replicate, for the first time. */
  start(): Promise<void>;
  rejoin(node: MysqlNode): Promise<void>;
  /** Takes nodes back that are up and left, until `signal` aborts. */
  keep(signal: AbortSignal): Promise<void>;
}

const FORM_TIMEOUT_MS = 120_000;
const REPLICA_TIMEOUT_MS = 30_000;

export function isGroup(topology: Topology): boolean {
  return topology === 'multi-primary' || topology === 'single-primary';
}

export function replicationOf(
  topology: Topology,
  nodes: readonly MysqlNode[],
  accounts: RunAccounts,
  progress: Progress,
): Replication {
  return isGroup(topology)
    ? new GroupReplication(nodes, accounts, progress)
    : new SourceAndReplicas(nodes, accounts, progress);
}

/** A group, of either kind. */
class GroupReplication implements Replication {
  private readonly keeper: GroupKeeper;

  constructor(
    private readonly nodes: readonly MysqlNode[],
    accounts: RunAccounts,
    progress: Progress,
  ) {
    this.keeper = new GroupKeeper({ nodes, admin: accounts.admin, accounts, log: progress });
  }

  async start(): Promise<void> {
    await this.keeper.until(
      ({ online }) => online.length === this.nodes.length,
      'the MySQL group to form',
      FORM_TIMEOUT_MS,
    );
  }

  /** After all were down, the nodes wait for each other: start them together. */
  async rejoin(node: MysqlNode): Promise<void> {
    await this.keeper.until(
      ({ online }) => online.includes(node.name) || !node.isRunning,
      `${node.name} to join the group`,
      FORM_TIMEOUT_MS,
    );
    if (!node.isRunning)
      throw new StackError(
        'start_failed',
        `${node.name} exited while it joined the group. The end of its log:\n${node.logTail()}`,
      );
  }

  keep(signal: AbortSignal): Promise<void> {
    return this.keeper.keep(signal);
  }
}

/** The first node is the source, all others copy it; with one node alone, just that. */
class SourceAndReplicas implements Replication {
  constructor(
    private readonly nodes: readonly MysqlNode[],
    private readonly accounts: RunAccounts,
    private readonly progress: Progress,
  ) {}

  async start(): Promise<void> {
    await Promise.all(this.nodes.map((node) => this.setUp(node, true)));
  }

  async rejoin(node: MysqlNode): Promise<void> {
    await this.setUp(node, false);
  }

  /** A replica comes back by itself. */
  async keep(): Promise<void> {}

  private async setUp(node: MysqlNode, first: boolean): Promise<void> {
    const source = this.nodes[0];
    if (source === undefined || node === source) {
      await node.query('SET GLOBAL super_read_only = OFF');
      await node.query('SET GLOBAL read_only = OFF');
      return;
    }
    if (first) {
      const { user, password } = this.accounts.replication;
      // A source that was killed is tried again every second.
      await node.query(
        `CHANGE REPLICATION SOURCE TO SOURCE_HOST = ?, SOURCE_PORT = ${source.port}, SOURCE_USER = ?, SOURCE_PASSWORD = ?,
           SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1, SOURCE_CONNECT_RETRY = 1, SOURCE_RETRY_COUNT = 86400,
           SOURCE_HEARTBEAT_PERIOD = 1`,
        [source.host, user, password],
      );
    }
    await node.query('START REPLICA');
    // A replica whose source is down just now counts as set up all the same.
    if (first || source.isRunning) await this.untilReplicating(node);
    this.progress(`${node.name}: replicating from ${source.name}`);
  }

  private async untilReplicating(node: MysqlNode): Promise<void> {
    const end = Date.now() + REPLICA_TIMEOUT_MS;
    for (;;) {
      const [row] = await node.query<RowDataPacket & { state: string; error: string }>(
        `SELECT SERVICE_STATE AS state, LAST_ERROR_MESSAGE AS error
           FROM performance_schema.replication_connection_status WHERE CHANNEL_NAME = ''`,
      );
      if (row?.state === 'ON') return;
      if (Date.now() > end)
        throw new StackError(
          'start_failed',
          `Timed out after ${REPLICA_TIMEOUT_MS / 1000} s waiting for ${node.name} to replicate: ${row?.error ?? 'it has no replication channel'}`,
        );
      await sleep(50);
    }
  }
}
