// What one look at a node asks, and how the answer reads.
import type { RowDataPacket } from 'mysql2';
import type { NodeConnection } from './connection.js';
import { rowsOf } from './connection.js';
import { UnsupportedServerError } from './errors.js';
import { GtidSet } from './gtid.js';

/** A node's own account of itself. */
export interface NodeReport {
  readonly uuid: string;
  /** Neither read_only nor super_read_only nor offline. */
  readonly writable: boolean;
  /** The group as this node sees it; undefined when it is in none. */
  readonly group: readonly Member[] | undefined;
  /** All transactions that it has applied. */
  readonly executed: GtidSet;
  /** Those that it has received and not applied yet. */
  readonly pending: GtidSet;
}

export interface Member {
  readonly uuid: string;
  /** ONLINE, RECOVERING, OFFLINE, ERROR or UNREACHABLE. */
  readonly state: string;
  /** PRIMARY (may write) or SECONDARY; empty while it is not a member. */
  readonly role: string;
}

interface ProbeRow extends RowDataPacket {
  readonly uuid: string;
  readonly readOnly: number;
  readonly executed: string;
  readonly pending: readonly string[] | null;
  readonly members: readonly (readonly [string, string, string])[] | null;
}

// Each variable and the group are read in one statement, so that they are of one moment.
const PROBE = `SELECT @@global.server_uuid AS uuid,
  @@global.read_only OR @@global.super_read_only OR @@global.offline_mode AS readOnly,
  @@global.gtid_executed AS executed,
  (SELECT JSON_ARRAYAGG(GTID_SUBTRACT(RECEIVED_TRANSACTION_SET, @@global.gtid_executed))
     FROM performance_schema.replication_connection_status) AS pending,
  (SELECT JSON_ARRAYAGG(JSON_ARRAY(MEMBER_ID, MEMBER_STATE, MEMBER_ROLE))
     FROM performance_schema.replication_group_members) AS members`;

/** Makes the server say what it is; throws `UnsupportedServerError` for MariaDB and for MySQL before 8.4. */
export async function checkVersion(connection: NodeConnection, deadline: number): Promise<void> {
  const [row] = rowsOf<RowDataPacket & { version: string }>(
    await connection.query('SELECT VERSION() AS version', deadline),
  );
  const version = row?.version ?? 'a server that reports no version';
  const refused = refusal(version);
  if (refused !== undefined) throw new UnsupportedServerError(refused);
}

/** The server's name and version when it cannot be a node; undefined when it can. */
export function refusal(version: string): string | undefined {
  if (/mariadb/i.test(version)) return `MariaDB ${version.replace(/^5\.5\.5-/, '').replace(/-mariadb.*/i, '')}`;
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  if (major === undefined || minor === undefined) return version;
  return Number(major) > 8 || (Number(major) === 8 && Number(minor) >= 4) ? undefined : `MySQL ${version}`;
}

/** Asks a node how it is. */
export class Probe {
  private text = '';
  private executed = GtidSet.empty;

  async ask(connection: NodeConnection, deadline: number): Promise<NodeReport> {
    const [row] = rowsOf<ProbeRow>(await connection.execute(PROBE, [], deadline));
    if (!row) throw new Error('the server answered the health query without a row');
    // Most looks find nothing new: parse only what has changed.
    if (row.executed !== this.text) {
      this.executed = GtidSet.parse(row.executed);
      this.text = row.executed;
    }
    return {
      uuid: row.uuid,
      writable: Number(row.readOnly) === 0,
      group: groupOf(row.members),
      executed: this.executed,
      pending: GtidSet.parse(row.pending?.join() ?? ''),
    };
  }
}

function groupOf(members: ProbeRow['members']): readonly Member[] | undefined {
  if (members === null) return undefined;
  return members.map(([uuid, state, role]) => ({ uuid, state, role }));
}
