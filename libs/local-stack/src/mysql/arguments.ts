// The arguments of a mysqld of the stack.
import type { Topology } from '../types.js';

export interface ServerLocation {
  /** The node's own folder. */
  readonly dir: string;
  /** Its address. */
  readonly host: string;
  readonly port: number;
  /** Group Replication's own ports, the first for the start; undefined outside of a group. */
  readonly groupPorts: readonly [number, number, number] | undefined;
}

export interface ServerArguments {
  readonly location: ServerLocation;
  readonly serverId: number;
  readonly topology: Topology;
  /** Names the group. */
  readonly groupName: string;
  /** `host:port` of Group Replication's own ports, of all nodes. */
  readonly groupSeeds: readonly string[];
  readonly durable: boolean;
}

/** Where nodes are that are not isolated. */
export const HOST = '127.0.0.1';

/** Small, on its own address only, everything below the node's folder, in UTC, errors in plain English. */
export function serverArguments({ location, serverId, durable, ...rest }: ServerArguments): string[] {
  const { dir, host, port } = location;
  return [
    `--datadir=${dir}/data`,
    `--tmpdir=${dir}/tmp`,
    // Relative to the data folder: a socket's path has no room for a deep project folder.
    '--socket=mysqld.sock',
    '--pid-file=mysqld.pid',
    '--mysqlx=OFF',
    `--bind-address=${host}`,
    `--port=${port}`,
    `--report-host=${host}`,
    `--report-port=${port}`,
    '--skip-name-resolve',
    '--secure-file-priv=NULL',
    '--local-infile=OFF',
    `--server-id=${serverId}`,
    ...(process.getuid?.() === 0 ? ['--user=root'] : []),
    // Memory: three servers and their web servers on a small laptop.
    '--innodb-buffer-pool-size=64M',
    '--innodb-redo-log-capacity=64M',
    '--innodb-log-buffer-size=8M',
    '--max-connections=400',
    '--table-open-cache=400',
    '--performance-schema=ON',
    // A killed process loses nothing either way; these two matter when the machine itself loses power.
    ...(durable
      ? ['--innodb-flush-log-at-trx-commit=1', '--sync-binlog=1']
      : ['--innodb-flush-log-at-trx-commit=2', '--sync-binlog=0']),
    '--transaction-isolation=READ-COMMITTED',
    '--character-set-server=utf8mb4',
    '--default-time-zone=+00:00',
    '--log-bin=binlog',
    '--relay-log=relay',
    '--binlog-expire-logs-seconds=86400',
    '--max-binlog-size=64M',
    '--gtid-mode=ON',
    '--enforce-gtid-consistency=ON',
    '--replica-parallel-workers=4',
    ...groupArguments(location, rest),
  ];
}

function groupArguments(
  { host, groupPorts }: ServerLocation,
  { topology, groupName, groupSeeds }: Pick<ServerArguments, 'topology' | 'groupName' | 'groupSeeds'>,
): string[] {
  if (groupPorts === undefined) return [];
  const multi = topology === 'multi-primary';
  const settings: Readonly<Record<string, string | number>> = {
    group_name: groupName,
    local_address: `${host}:${groupPorts[0]}`,
    group_seeds: groupSeeds.join(','),
    // The group listens on all interfaces, whatever the server does: whoever is no member is sent away.
    ip_allowlist: [...new Set([host, ...groupSeeds.map((seed) => seed.replace(/:\d+$/, ''))])].join(','),
    // Who starts and who joins is decided from outside, by the rule that never splits a group.
    start_on_boot: 'OFF',
    bootstrap_group: 'OFF',
    single_primary_mode: multi ? 'OFF' : 'ON',
    enforce_update_everywhere_checks: multi ? 'ON' : 'OFF',
    paxos_single_leader: 'OFF',
    consistency: multi ? 'EVENTUAL' : 'BEFORE_ON_PRIMARY_FAILOVER',
    // A node that is gone stalls the others no longer than it takes to be suspected.
    member_expel_timeout: 0,
    // A node that sees no majority gives up, so that it can join again when the others are back.
    unreachable_majority_timeout: 5,
    exit_state_action: 'READ_ONLY',
    // The keeper alone takes a node back: at another port, which the others need not wait for.
    autorejoin_tries: 0,
    recovery_get_public_key: 'ON',
    // A joiner further behind than this copies a whole node instead of replaying.
    clone_threshold: 100_000,
    // Bytes; the least that MySQL allows.
    message_cache_size: 134_217_728,
  };
  return [
    '--plugin-load-add=group_replication.so;mysql_clone.so',
    ...Object.entries(settings).map(([name, value]) => `--loose-group_replication_${name}=${value}`),
  ];
}
