// What is done to statements that go together: a locked row, conflicts in the group, a home that moves, a frozen web server.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { MysqlCluster } from '@roam/mysql-cluster';
import type { Database } from '@roam/local-stack';
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import { until } from '../support/until.js';
import { Burst } from './burst.js';
import { away, pick } from './nemeses.js';
import type { Fault, Scene } from './scene.js';

const LOCKS = 5;
const LOCKED_MS = 1_000;
const CONFLICTS_MS = 8_000;
const PAUSE_MS = 10;
/** Users whose sessions somebody else changes. */
const SHARED_USERS = 8;
const MOVES = 3;
const MOVED_MS = 2_000;
/** To one web server: for each of three nodes what goes into one of the largest statements, and no overload. */
const BURST = 64;
const BURST_EVERY_MS = 1_000;
/** To all web servers: the one that stops gets a third of it. */
const BURST_TO_ALL = 112;
/** Longer than the standstill after which a web server drops its requests. */
const FROZEN_MS = 3_000;

interface SessionOf extends RowDataPacket {
  readonly id: string;
  readonly email: string;
}

/** Somebody else's transaction holds one session after the other, on the node where it is changed. */
export const lockSessions: Fault = {
  name: 'a row locked for 1 s by another transaction, 5 times',
  inject: async (scene) => {
    for (let i = 0; i < LOCKS; i++) {
      const [{ id, home }] = await sessionsOf(scene, 1);
      await asAdmin(home, async (admin) => {
        await admin.beginTransaction();
        await admin.query('SELECT 1 FROM sessions WHERE id = UNHEX(?) FOR UPDATE', [id]);
        await sleep(LOCKED_MS);
        await admin.rollback();
      });
    }
  },
  longestWait: 2_000,
};

/** Somebody else changes sessions on another node than the site does, so that the group rolls one of the two back (3101). */
export const conflicts: Fault = {
  name: 'certification conflicts (3101)',
  inject: async (scene, round) => {
    const elsewhere = pick(scene.stack.databases.nodes, round);
    const sessions = (await sessionsOf(scene, SHARED_USERS)).filter(({ home }) => home !== elsewhere);
    const ids = sessions.map(({ id }) => Buffer.from(id, 'hex'));
    const counted = await conflictsOn(elsewhere);
    let ownConflicts = 0;
    await asAdmin(elsewhere, async (admin) => {
      const end = performance.now() + CONFLICTS_MS;
      while (performance.now() < end) {
        // As a touch of another server does it; a session's version stays.
        await admin
          .query('UPDATE sessions SET idle_ends_at = idle_ends_at + 1 WHERE ended = 0 AND id IN (?)', [ids])
          .catch((error: { errno?: number }) => {
            if (error.errno === 3101) ownConflicts++;
            else if (error.errno !== 1213 && error.errno !== 1205) throw error as Error;
          });
        await sleep(PAUSE_MS);
      }
    });
    const ofTheSite = (await conflictsOn(elsewhere)) - counted - ownConflicts;
    process.stderr.write(`${ofTheSite} of the site's transactions were rolled back by conflicts\n`);
    if (ofTheSite === 0) throw new Error('No transaction of the site was rolled back: nothing was tested');
  },
  longestWait: 2_000,
};

/** A node takes no writes for a while, as in maintenance: its sessions move to the others and back, in large batches. */
export const moveHomes: Fault = {
  name: 'a change of home node with large batches, 3 times',
  inject: async (scene, round) => {
    const { databases, servers, url } = scene.stack;
    const node = pick(databases.nodes, round);
    await withBurst(scene, BURST, async (burst) => {
      let isOver = false;
      const bursts = (async () => {
        for (let i = 0; !isOver; i++) {
          const next = performance.now() + BURST_EVERY_MS;
          await burst.send(pick(servers, i).url);
          await sleep(Math.max(0, next - performance.now()));
        }
      })();
      const moves = asAdmin(node, async (admin) => {
        for (let i = 0; i < MOVES; i++) {
          await admin.query('SET GLOBAL super_read_only = ON');
          await sleep(MOVED_MS);
          await admin.query('SET GLOBAL super_read_only = OFF');
          await admin.query('SET GLOBAL read_only = OFF');
          await sleep(MOVED_MS);
        }
      }).finally(() => (isOver = true));
      await Promise.all([bursts, moves]);
      await burst.lookAround(url);
    });
  },
  longestWait: 2_000,
};

/** It stops when it has gathered statements and has not sent them: see `stop-gathered.mjs`. */
export const freezeGathered: Fault = {
  name: 'freeze a web server 3 s between gathering and sending',
  inject: async (scene, round) => {
    const { servers, url } = scene.stack;
    const server = pick(servers, round);
    await withBurst(scene, BURST_TO_ALL, async (burst) => {
      await away(scene, server, async () => {
        process.kill(server.pid!, 'SIGUSR2');
        const answered = burst.send(url);
        await until(`${server.name} stops`, async () => isStopped(server.pid!), 2_000).catch(() => undefined);
        if (!isStopped(server.pid!)) throw new Error(`${server.name} had nothing to gather: nothing was tested`);
        scene.hitAt.push(performance.now());
        await sleep(FROZEN_MS);
        server.thaw();
        await answered;
        await scene.untilRecovered();
      });
      await burst.lookAround(url);
    });
  },
  longestWait: 3_000,
};

async function withBurst(scene: Scene, size: number, work: (burst: Burst) => Promise<void>): Promise<void> {
  const burst = await Burst.arrive(scene.stack.url, size);
  try {
    await work(burst);
    process.stderr.write(`${burst.refused} of ${burst.changes} changes in bursts were refused\n`);
  } finally {
    burst.close();
  }
}

/** Live sessions of so many users of the crowd, whose other requests then do not count as those of others. */
async function sessionsOf(scene: Scene, users: number): Promise<{ readonly id: string; readonly home: Database }[]> {
  const { nodes, urls } = scene.stack.databases;
  const cluster = await MysqlCluster.connect({ urls });
  try {
    const rows = await cluster.read<SessionOf>(
      `SELECT HEX(s.id) AS id, u.email FROM sessions s
       JOIN (SELECT id, email FROM users ORDER BY RAND() LIMIT ${users}) u ON u.id = s.user_id WHERE s.ended = 0`,
      [],
    );
    return rows.map(({ id, email }) => {
      scene.hit.add(email.split('.')[0]);
      const home = cluster.homeOf(id.toLowerCase());
      return { id, home: nodes.find(({ host, port }) => `${host}:${port}` === home)! };
    });
  } finally {
    await cluster.close();
  }
}

async function asAdmin<T>(node: Database, work: (admin: Connection) => Promise<T>): Promise<T> {
  const admin = await createConnection(node.adminUrl);
  try {
    await admin.query('USE roam');
    return await work(admin);
  } finally {
    admin.destroy();
  }
}

/** How many transactions the group has rolled back, of whichever node: each counts them all. */
function conflictsOn(node: Database): Promise<number> {
  return asAdmin(node, async (admin) => {
    const [[{ count }]] = await admin.query<(RowDataPacket & { count: number })[]>(
      `SELECT COUNT_CONFLICTS_DETECTED AS count FROM performance_schema.replication_group_member_stats
       WHERE MEMBER_ID = @@GLOBAL.server_uuid`,
    );
    return Number(count);
  });
}

function isStopped(pid: number): boolean {
  // The state stands behind the name of the program, which is in brackets.
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T');
}
