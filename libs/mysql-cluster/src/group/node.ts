// One node of a group as its keeper sees it: how to reach it, and what it says of itself.
import mysql, { type Connection, type RowDataPacket } from 'mysql2/promise';
import { GtidSet } from '../gtid.js';
import { tlsWith } from '../tls.js';

export interface GroupNode {
  /** For messages; default `host:port`. */
  readonly name?: string;
  readonly host: string;
  readonly port: number;
  /**
   * Ports of Group Replication's own, three or more, free on its host: each time that it joins it takes the next one. The
   * others go on looking for a member where it died, in growing pauses of up to ten seconds, also when it has moved once
   * since; back at that port it would join only at the next look, and the whole group would wait for that. Default: it
   * stays at the port that it was configured with.
   */
  readonly groupPorts?: readonly number[];
}

export interface Credentials {
  readonly user: string;
  readonly password: string;
  /** The certificate (PEM) of the authority that signed the nodes': then TLS only, and who is not known is not spoken to. */
  readonly ca?: string;
}

/** MySQL's own words for a member's state. */
export type MemberState = 'ONLINE' | 'RECOVERING' | 'OFFLINE' | 'ERROR' | 'UNREACHABLE';

/** What a node that answered said of itself. */
export interface NodeAnswer {
  readonly uuid: string;
  readonly state: MemberState;
  readonly superReadOnly: boolean;
  /** `host:port` of Group Replication's own. */
  readonly groupAddress: string;
  /** What it has executed and what it has received and will execute: nothing of this may be lost. */
  readonly transactions: GtidSet;
  /** The members it knows, by `server_uuid`, with their state as it sees them; empty when it is in no group. */
  readonly members: ReadonlyMap<string, MemberState>;
}

export interface Observation {
  readonly node: GroupNode;
  readonly answer?: NodeAnswer;
  /** Why there is no answer. */
  readonly failure?: string;
}

interface SelfRow extends RowDataPacket {
  uuid: string;
  executed: string;
  superReadOnly: number;
  groupAddress: string;
  received: string | null;
}

interface MemberRow extends RowDataPacket {
  id: string;
  state: MemberState;
}

export function nameOf(node: GroupNode): string {
  return node.name ?? `${node.host}:${node.port}`;
}

/** Asks a node about itself; never throws, and has an answer or a failure after `timeoutMs`. */
export async function observe(node: GroupNode, admin: Credentials, timeoutMs: number): Promise<Observation> {
  try {
    const answer = await withConnection(node, admin, timeoutMs, async (connection) => {
      const [[self]] = await connection.query<SelfRow[]>(
        `SELECT @@server_uuid AS uuid, @@GLOBAL.gtid_executed AS executed, @@GLOBAL.super_read_only AS superReadOnly,
           @@GLOBAL.group_replication_local_address AS groupAddress,
           (SELECT RECEIVED_TRANSACTION_SET FROM performance_schema.replication_connection_status
             WHERE CHANNEL_NAME = 'group_replication_applier') AS received`,
      );
      const [rows] = await connection.query<MemberRow[]>(
        "SELECT MEMBER_ID AS id, MEMBER_STATE AS state FROM performance_schema.replication_group_members WHERE MEMBER_ID <> ''",
      );
      if (!self) throw new Error('the server answered without a row');
      const members = new Map(rows.map((row) => [row.id, row.state]));
      const state = members.get(self.uuid) ?? 'OFFLINE';
      return {
        uuid: self.uuid,
        state,
        superReadOnly: self.superReadOnly === 1,
        groupAddress: self.groupAddress,
        transactions: GtidSet.parse(self.executed).union(GtidSet.parse(self.received ?? '')),
        members: state === 'OFFLINE' ? new Map<string, MemberState>() : members,
      };
    });
    return { node, answer };
  } catch (error) {
    return { node, failure: describe(error) };
  }
}

/**
 * Runs `work` on a connection of its own, which is destroyed afterwards in every case: a frozen server accepts
 * connections and then says nothing, so the deadline covers connecting and all statements together.
 */
export async function withConnection<T>(
  node: GroupNode,
  admin: Credentials,
  timeoutMs: number,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  let connection: Connection | undefined;
  let timer: NodeJS.Timeout | undefined;
  let late = false;
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      late = true;
      reject(new Error(`no answer within ${timeoutMs / 1000} s`));
    }, timeoutMs);
  });
  const job = (async () => {
    connection = await mysql.createConnection({
      host: node.host,
      port: node.port,
      user: admin.user,
      password: admin.password,
      ...(admin.ca !== undefined && { ssl: tlsWith(admin.ca) }),
      connectTimeout: timeoutMs,
    });
    // An error between two statements is the next statement's; without a listener it would end the process.
    connection.on('error', () => undefined);
    if (late) connection.destroy();
    return work(connection);
  })();
  try {
    return await Promise.race([job, deadline]);
  } finally {
    clearTimeout(timer);
    job.catch(() => undefined);
    connection?.destroy();
  }
}

export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.message) return error.message;
  return 'code' in error ? String(error.code) : error.name;
}
