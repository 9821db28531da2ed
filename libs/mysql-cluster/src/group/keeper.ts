// Forms a group and keeps it: looks at every node, applies the rule, carries out what it allows.
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { setTimeout as pause } from 'node:timers/promises';
import { accountStatements, type ClusterAccounts } from './accounts.js';
import {
  describe,
  nameOf,
  observe,
  withConnection,
  type Credentials,
  type GroupNode,
  type NodeAnswer,
  type Observation,
} from './node.js';
import { decide } from './rule.js';

export interface GroupOptions {
  /** All nodes of the group: the rule waits for every one of them before it starts a group. */
  readonly nodes: readonly GroupNode[];
  /**
   * Present on every node, with all rights. Without `createAccounts` these are enough: SELECT on performance_schema,
   * CONNECTION_ADMIN, GROUP_REPLICATION_ADMIN, REPLICATION_SLAVE_ADMIN and SYSTEM_VARIABLES_ADMIN.
   */
  readonly admin: Credentials;
  /** The recovery channel's account; with `createAccounts` it and the app's are made on nodes outside of the group. */
  readonly accounts: ClusterAccounts;
  /** Default false: the accounts are there already. */
  readonly createAccounts?: boolean;
  /** Receives one line per event. */
  readonly log?: (message: string) => void;
  /** Milliseconds within which a node must answer a look (default 2000). */
  readonly answerTimeoutMs?: number;
}

export interface GroupView {
  readonly observations: readonly Observation[];
  /** Names of the nodes that are ONLINE. */
  readonly online: readonly string[];
  /** For whom or what is waited, one sentence each. */
  readonly waiting: readonly string[];
}

/** Thrown by `until` and `formGroup` when the time is up; the message says for whom was waited. */
export class GroupTimeoutError extends Error {
  readonly code = 'group_timeout';
  constructor(what: string, seconds: number, waiting: readonly string[]) {
    super(
      `Timed out after ${seconds} s waiting for ${what}: ${waiting.length > 0 ? waiting.join('; ') : 'nodes are still joining'}`,
    );
    this.name = 'GroupTimeoutError';
  }
}

const LOOK_INTERVAL_MS = 250;
const KEEP_INTERVAL_MS = 1000;
const RETRY_PAUSE_MS = 2000;
/**
 * How many messages the group agrees on at the same time (10 unless set, 200 at most). For 6 s after a member died, each
 * takes 0.45 s, because the others wait for its share: with 10, three busy nodes commit 35 writes a second in that time.
 */
const WRITE_CONCURRENCY = 200;
/** A look that is older than this says too little of the others to start a group: one may have started meanwhile. */
const BOOTSTRAP_WITHIN_MS = 5000;
/** START GROUP_REPLICATION returns only after the node has joined or given up. */
const START_TIMEOUT_MS = 180_000;

/** Never splits a group: see `decide`. Holds no state that matters, so it may be restarted at any time. */
export class GroupKeeper {
  /** What is being carried out, by the node's name: that node is left alone until it has ended. Never rejects. */
  private readonly busy = new Map<string, Promise<void>>();
  private readonly retryAfter = new Map<string, number>();
  private readonly faults = new Map<string, string>();
  /** Where each node was in the group last, or tried to be; one that was started again tells only what it was configured with. */
  private readonly lastAddresses = new Map<string, string>();
  /** Nodes whose accounts are made, by `server_uuid`: a node that lost its data comes back as another. */
  private readonly prepared = new Set<string>();
  private looking: Promise<GroupView> | undefined;

  constructor(private readonly options: GroupOptions) {}

  /** Looks once at every node and begins what the rule allows; does not wait until that is done. */
  round(): Promise<GroupView> {
    return (this.looking ??= this.look().finally(() => (this.looking = undefined)));
  }

  private async look(): Promise<GroupView> {
    const { nodes, admin, answerTimeoutMs = 2000 } = this.options;
    // What ends while we look may have changed a node since it answered: the next look decides.
    const left = new Set(this.busy.keys());
    const isFree = (node: GroupNode) => !left.has(nameOf(node));
    const observations = await Promise.all(nodes.map((node) => observe(node, admin, answerTimeoutMs)));
    const lookedAt = Date.now();
    const decision = decide(observations);
    // What is being carried out on a node explains its state better than its state does.
    const waiting = decision.waiting
      .filter(({ node }) => !node || !this.busy.has(nameOf(node)))
      .map(({ reason }) => reason);
    for (const { node, answer } of observations) {
      const name = nameOf(node);
      if (answer?.state === 'ONLINE') this.faults.delete(name);
      if (answer && (answer.state === 'ONLINE' || !this.lastAddresses.has(name)))
        this.lastAddresses.set(name, answer.groupAddress);
      const fault = this.faults.get(name);
      if (this.busy.has(name) && answer && answer.state !== 'ONLINE') waiting.push(`${name} is joining`);
      else if (fault !== undefined) waiting.push(`${name} could not join (${fault})`);
    }
    for (const { node, answer } of observations)
      if (answer?.state === 'OFFLINE' && isFree(node)) this.prepare(node, answer);
    // Nodes that are being prepared are busy; their turn comes with the next round.
    const { bootstrap, join } = decision;
    if (bootstrap && isFree(bootstrap)) this.begin(bootstrap, lookedAt);
    for (const node of join) if (isFree(node)) this.begin(node, lookedAt, observations);
    const online = observations.filter(({ answer }) => answer?.state === 'ONLINE').map(({ node }) => nameOf(node));
    return { observations, online, waiting };
  }

  /**
   * Rounds until `done`, one every 250 ms. Rejects with `GroupTimeoutError` ("… waiting for WHAT: …") after `timeoutMs`.
   * What is waited for is logged when it changes.
   */
  async until(done: (view: GroupView) => boolean, what: string, timeoutMs: number): Promise<GroupView> {
    const end = Date.now() + timeoutMs;
    let said = '';
    for (;;) {
      const view = await this.round();
      if (done(view)) return view;
      if (Date.now() > end) throw new GroupTimeoutError(what, timeoutMs / 1000, view.waiting);
      const waiting = view.waiting.join('; ');
      if (waiting !== '' && waiting !== said) this.log(`waiting: ${waiting}`);
      said = waiting;
      await pause(LOOK_INTERVAL_MS);
    }
  }

  /** Rounds until `signal` aborts, one every `intervalMs` (default 1000). Logs the state when it changes. */
  async keep(signal: AbortSignal, intervalMs = KEEP_INTERVAL_MS): Promise<void> {
    let said = '';
    while (!signal.aborted) {
      const { online, waiting } = await this.round();
      const state = [`online: ${online.join(', ') || 'none'}`, ...waiting].join('; ');
      if (state !== said) this.log(state);
      said = state;
      await pause(intervalMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Resolves when nothing is being carried out: MySQL ends a START GROUP_REPLICATION a second after the node is ONLINE. */
  async settled(): Promise<void> {
    await Promise.all(this.busy.values());
  }

  /**
   * A node outside of the group must not accept writes, or it could never join again; its accounts are made before.
   * The accounts once per run for each node, the rest whenever a node is found writable.
   */
  private prepare(node: GroupNode, { uuid, superReadOnly }: NodeAnswer): void {
    const accountsDue = this.options.createAccounts === true && !this.prepared.has(uuid);
    if (superReadOnly && !accountsDue) return;
    this.run(node, async (query) => {
      if (accountsDue) {
        // Nobody else may write while the door is open for the accounts.
        await query('SET GLOBAL offline_mode = ON');
        await query('SET GLOBAL super_read_only = OFF');
        for (const statement of accountStatements(this.options.accounts)) await query(statement);
        this.log(`${nameOf(node)}: the accounts are set up`);
      }
      await query('SET GLOBAL super_read_only = ON');
      if (accountsDue) await query('SET GLOBAL offline_mode = OFF');
      this.prepared.add(uuid);
    });
  }

  /** Has the node join the group that the observations show, or start one where there are none. */
  private begin(node: GroupNode, lookedAt: number, group?: readonly Observation[]): void {
    const name = nameOf(node);
    const { user, password } = this.options.accounts.replication;
    this.run(node, async (query) => {
      this.log(group ? `${name}: joining the group` : `${name}: starting the group`);
      // Whatever an earlier attempt left behind: a group half stopped, or a wish to start another one.
      await query('SET GLOBAL group_replication_bootstrap_group = OFF');
      await query('STOP GROUP_REPLICATION');
      await query(
        "CHANGE REPLICATION SOURCE TO SOURCE_USER = ?, SOURCE_PASSWORD = ? FOR CHANNEL 'group_replication_recovery'",
        [user, password],
      );
      if (group) {
        const address = this.nextAddress(node);
        if (address !== undefined) {
          this.lastAddresses.set(name, address);
          await query('SET GLOBAL group_replication_local_address = ?', [address]);
          // The members may have moved as well.
          await query('SET GLOBAL group_replication_group_seeds = ?', [addressesOf(group).join()]);
        }
        await query('START GROUP_REPLICATION');
        return;
      }
      if (Date.now() - lookedAt > BOOTSTRAP_WITHIN_MS)
        return this.log(
          `${name}: group start postponed: the nodes' states are older than ${BOOTSTRAP_WITHIN_MS / 1000} s`,
        );
      await query('SET GLOBAL group_replication_bootstrap_group = ON');
      try {
        await query('START GROUP_REPLICATION');
        await query(`SELECT group_replication_set_write_concurrency(${WRITE_CONCURRENCY})`);
      } finally {
        // Where even this fails, the next attempt does it first.
        await query('SET GLOBAL group_replication_bootstrap_group = OFF').catch(() => undefined);
      }
    });
  }

  /** Another port than the last one; undefined for a node that has no choice. */
  private nextAddress(node: GroupNode): string | undefined {
    const { groupPorts } = node;
    const last = this.lastAddresses.get(nameOf(node));
    if (!groupPorts || last === undefined) return undefined;
    const [, host, port] = /^(.*):(\d+)$/.exec(last)!;
    return `${host}:${groupPorts[(groupPorts.indexOf(Number(port)) + 1) % groupPorts.length]}`;
  }

  /**
   * Runs statements on a node outside of the group in the background, one job per node, with a pause after a failure. None
   * when it is in a group by now, or another keeper has a job there: to stop a member would be the way to a second group.
   */
  private run(
    node: GroupNode,
    job: (query: (sql: string, values?: string[]) => Promise<unknown>) => Promise<void>,
  ): void {
    const name = nameOf(node);
    if (this.busy.has(name) || (this.retryAfter.get(name) ?? 0) > Date.now()) return;
    this.faults.delete(name);
    const done = withConnection(node, this.options.admin, START_TIMEOUT_MS, async (connection) => {
      if (await isTaken(connection)) {
        this.retryAfter.set(name, Date.now() + RETRY_PAUSE_MS);
        return this.log(`${name}: nothing to do: it is in a group already, or another keeper works on it`);
      }
      await job((sql, values) => connection.query(sql, values));
    })
      .then(
        () => undefined,
        (error: unknown) => {
          this.retryAfter.set(name, Date.now() + RETRY_PAUSE_MS);
          // A node that went away meanwhile has no fault; the next look says that it does not answer.
          if (!isServerError(error)) return;
          this.faults.set(name, describe(error));
          this.log(`${name}: failed, trying again in ${RETRY_PAUSE_MS / 1000} s: ${describe(error)}`);
        },
      )
      .finally(() => this.busy.delete(name));
    this.busy.set(name, done);
  }

  private log(message: string): void {
    this.options.log?.(message);
  }
}

/** Locks the node against other keepers for as long as the connection lasts, and looks at it once more when that is done. */
async function isTaken(connection: Connection): Promise<boolean> {
  const [[lock]] = await connection.query<RowDataPacket[]>("SELECT GET_LOCK('group keeper', 0) AS isOurs");
  const [rows] = await connection.query<RowDataPacket[]>(
    `SELECT 1 FROM performance_schema.replication_group_members
       WHERE MEMBER_ID = @@server_uuid AND MEMBER_STATE IN ('ONLINE', 'RECOVERING')`,
  );
  return lock?.isOurs !== 1 || rows.length > 0;
}

/** An error that MySQL itself reported, not a lost connection. */
function isServerError(error: unknown): boolean {
  return error instanceof Error && 'sqlState' in error;
}

function addressesOf(group: readonly Observation[]): string[] {
  return group.flatMap(({ answer }) => (answer?.state === 'ONLINE' ? [answer.groupAddress] : []));
}
