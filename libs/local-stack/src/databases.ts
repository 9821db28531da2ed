// Starts MySQL servers in one of the four topologies.
import { randomInt, randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { StackError } from './errors.js';
import { makeAccounts } from './mysql/accounts.js';
import { baseData } from './mysql/base-data.js';
import { HOST, type ServerLocation } from './mysql/arguments.js';
import { MysqlNode } from './mysql/node.js';
import { canOwnDisks, OwnDisk } from './mysql/own-disk.js';
import { replicationOf, isGroup } from './mysql/topologies.js';
import { IsolatedNetwork } from './network/isolation.js';
import { findMysql } from './programs/find.js';
import { PortReservation } from './system/ports.js';
import { makeRunDir } from './system/run-dir.js';
import type { Databases, DatabasesOptions, Topology } from './types.js';

/**
 * Starts `count` real MySQL servers on loopback, with random passwords, and resolves when they replicate as `topology`
 * says and accept writes where they should. They end with this process, however it ends. Call it from the main thread.
 *
 * Each node's `start` after a kill waits until it is ONLINE again; when all nodes of a group were down, start them
 * together: a group is started only when every node has answered.
 *
 * Throws `StackError`: program_missing, bad_options, or start_failed with the end of the server's log.
 */
export async function startDatabases(options: DatabasesOptions): Promise<Databases> {
  const { count, topology, durable = false, kept = true, onProgress = () => undefined } = options;
  checkOptions(options);
  const program = await findMysql(onProgress);
  const base = await baseData(program, onProgress);
  if (program.container && (options.isolated || options.ownDisks))
    throw new StackError(
      'bad_options',
      `${program.origin} runs in Docker, where MySQL servers have no network or disk of their own: install MySQL, or set MYSQLD`,
    );
  onProgress(`starting ${count} × MySQL ${program.version} (${topology})`);

  const runDir = makeRunDir();
  const ports = new PortReservation();
  const nodes: MysqlNode[] = [];
  let isolated: Awaited<ReturnType<typeof IsolatedNetwork.open>> | undefined;
  const over = new AbortController();
  let keeping: Promise<void> | undefined;
  const stop = async () => {
    over.abort();
    // The data is thrown away: leaving the group in order would take 8 s for nothing.
    await Promise.all(nodes.map((node) => node.kill()));
    await keeping;
    await isolated?.network.close();
    ports.release();
    runDir.remove();
  };
  try {
    const accounts = makeAccounts();
    const groupName = randomUUID();
    if (options.isolated) isolated = await IsolatedNetwork.open(count, runDir.path);
    const hosts = isolated?.namespaces.map(({ host }) => host) ?? Array.from({ length: count }, () => HOST);
    const locations = await reserveLocations(hosts, topology, runDir.path, ports);
    const groupSeeds = locations.map(({ host, groupPorts }) => `${host}:${groupPorts?.[0]}`);
    // Any two servers that ever meet must differ, also those of two runs.
    const firstServerId = randomInt(1, 2 ** 31);
    const replication = replicationOf(topology, nodes, accounts, onProgress);
    for (const [i, location] of locations.entries()) {
      const name = basename(location.dir);
      mkdirSync(location.dir);
      const args = { location, serverId: firstServerId + i, topology, groupName, groupSeeds, durable };
      const container = program.container ? `roam-${basename(runDir.path)}-${name}` : undefined;
      const rejoin = (node: MysqlNode) => replication.rejoin(node);
      const disk = options.ownDisks ? new OwnDisk(join(location.dir, 'data')) : undefined;
      const network = isolated?.namespaces[i];
      nodes.push(new MysqlNode({ name, program, container, accounts, args, network, disk, rejoin }));
    }
    await Promise.all(nodes.map((node) => node.create(base)));
    await replication.start();
    if (kept) keeping = replication.keep(over.signal);
  } catch (error) {
    await stop();
    throw error;
  }
  const urls = nodes.map((node) => node.url);
  return { topology, nodes, urls, migrationUrls: nodes.map((node) => node.migrationUrl), stop };
}

/** A folder and free ports for each server. */
async function reserveLocations(
  hosts: readonly string[],
  topology: Topology,
  dir: string,
  ports: PortReservation,
): Promise<ServerLocation[]> {
  const locations: ServerLocation[] = [];
  for (const [i, host] of hosts.entries())
    locations.push({
      dir: join(dir, `mysql${i + 1}`),
      host,
      port: await ports.next(),
      groupPorts: isGroup(topology) ? [await ports.next(), await ports.next(), await ports.next()] : undefined,
    });
  return locations;
}

function checkOptions({ count, topology, ownDisks }: DatabasesOptions): void {
  if (topology === 'single' && count !== 1)
    throw new StackError('bad_options', `The topology "single" has one MySQL server, not ${count}`);
  // Nine is what Group Replication allows.
  if (!Number.isInteger(count) || count < 1 || count > 9)
    throw new StackError('bad_options', `The number of MySQL servers must be from 1 to 9, not ${count}`);
  const reason = ownDisks ? canOwnDisks() : undefined;
  if (reason !== undefined)
    throw new StackError('bad_options', `MySQL servers cannot have disks of their own here: ${reason}`);
}
