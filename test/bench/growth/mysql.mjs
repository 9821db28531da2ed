// The `mysql` method with tables of several sizes, side by side on one MySQL server, by the store itself in this process.
import { Buffer } from 'node:buffer';
import { setTimeout as sleep } from 'node:timers/promises';
import { startDatabases } from '@roam/local-stack';
import { MysqlCluster } from '@roam/mysql-cluster';
import { MysqlSessionStore } from '@roam/session/mysql';
import { createConnection } from 'mysql2/promise';
import { Counters } from '../counters.ts';
import { pin, usableCores } from '../process.mjs';
import { processUsage } from '../usage.mjs';
import { ACTIONS, WorkingSet } from './actions.mjs';
import { Generated } from './content.mjs';
import { measureAction } from './measure.mjs';
import { fill, fillExpired } from './mysql-fill.mjs';
import { sweepBesideRequests } from './sweep.mjs';

/** The same for all sizes; it holds what is used of each, and not all of ten million sessions. */
const BUFFER_POOL = 2 * 1024 ** 3;
const BINLOG = 1024 ** 3;
const REDO_LOG = 2 * 1024 ** 3;
/** Actions of one turn; and of those that need a session of their own each. */
const TURNS = { lasting: { alone: 500, atOnce: 2000 }, spent: { alone: 250, atOnce: 1000 } };
const EXPIRED = 100_000;

/** Every size: what each action takes, what a sweep does to requests, and the bytes of a session. */
export class MysqlGrowth {
  stops = [];
  sites = [];

  constructor({ sizes, rounds, durable, say }) {
    Object.assign(this, { sizes, rounds, durable, say });
  }

  async fill() {
    const { say, durable } = this;
    this.databases = await startDatabases({ count: 1, topology: 'single', durable, onProgress: say });
    this.stops.push(() => this.databases.stop());
    const [node] = this.databases.nodes;
    this.pid = node.pid;
    this.admin = await createConnection(node.adminUrl);
    this.stops.push(async () => this.admin.destroy());
    await this.admin.query(`SET GLOBAL innodb_buffer_pool_size = ${BUFFER_POOL}`);
    await this.admin.query(`SET GLOBAL innodb_redo_log_capacity = ${REDO_LOG}`);
    // MySQL's default. The stack's smaller ones would be flushed as a whole within the sweep, every few seconds.
    await this.admin.query(`SET GLOBAL max_binlog_size = ${BINLOG}`);
    const now = Date.now();
    for (const size of this.sizes) {
      const generated = new Generated(size, now);
      await fill(this.admin, `growth_${size}`, generated, say);
      const url = new URL(node.adminUrl);
      url.pathname = `/growth_${size}`;
      const cluster = await MysqlCluster.connect({ urls: [url.href], readTimeoutMs: 5000, writeTimeoutMs: 5000 });
      this.stops.push(() => cluster.close());
      const set = new WorkingSet(new MysqlSessionStore(cluster), 'mysql', generated);
      this.sites.push({ size, generated, cluster, set });
    }
    await this.settle();
  }

  async stop() {
    for (const stop of this.stops.splice(0).reverse()) await stop();
  }

  async measure() {
    const [ownCore, ...otherCores] = usableCores();
    if (otherCores.length > 0) {
      pin(process.pid, [ownCore]);
      pin(this.pid, otherCores);
    }
    this.counters = new Counters([this.databases.nodes[0].adminUrl]);
    this.stops.push(() => this.counters.close());
    for (const { set } of this.sites) await set.warm();
    // Before anything is deleted again: a table keeps the room that its rows have had.
    const bytes = await this.bytes();
    const samples = [];
    for (let round = 0; round <= this.rounds; round++) {
      const sites = round % 2 === 1 ? this.sites : this.sites.toReversed();
      for (const name of Object.keys(ACTIONS))
        for (const site of sites) {
          const sample = await this.turn(name, site);
          // The first round is for the compiler and for the buffer pool.
          if (round > 0) samples.push(...sample.map((each) => ({ method: 'mysql', round, size: site.size, ...each })));
        }
      this.say(`mysql, round ${round} of ${this.rounds} is measured`);
    }
    const sweeps = [];
    for (const site of this.sites) sweeps.push({ method: 'mysql', size: site.size, ...(await this.sweep(site)) });
    return { samples, sweeps, bytes, settings: await this.settings() };
  }

  async turn(name, { set, generated, cluster }) {
    const samples = await measureAction(name, set, TURNS, async () => ({
      ...this.cpu(),
      ...(await this.counters.read()),
    }));
    set.created.length = 0;
    const last = Buffer.from(generated.id(generated.count), 'hex');
    await cluster.write('DELETE FROM sessions WHERE id > ?', [last], { key: 'sweep' });
    return samples;
  }

  /** Requests at a steady rate, without a sweep and beside one. */
  async sweep({ size, set, generated }) {
    await this.admin.query(`USE growth_${size}`);
    await fillExpired(this.admin, generated, EXPIRED);
    await this.settle();
    await set.warm();
    const result = await sweepBesideRequests(set);
    this.say(`mysql, ${size} rows: ${result.removed} ended sessions swept`);
    return result;
  }

  /** Microseconds of processor, of the store's process and of MySQL. */
  cpu() {
    const { user, system } = process.cpuUsage();
    return { web: user + system, server: processUsage(this.pid).cpu };
  }

  /** Until MySQL has written what was generated, and has forgotten what was deleted: nothing of that is measured. */
  async settle() {
    await this.admin.query('SET GLOBAL innodb_max_dirty_pages_pct = 0');
    for (let dirty = Infinity; dirty > 100;) {
      await sleep(500);
      const [rows] = await this.admin.query(
        "SHOW GLOBAL STATUS WHERE Variable_name IN ('Innodb_buffer_pool_pages_dirty')",
      );
      dirty = Number(rows[0].Value);
    }
    await this.admin.query('SET GLOBAL innodb_max_dirty_pages_pct = DEFAULT');
  }

  async bytes() {
    const bytes = [];
    for (const { size } of this.sites) {
      const [[row]] = await this.admin.query(
        'SELECT FILE_SIZE AS file FROM information_schema.INNODB_TABLESPACES WHERE NAME = ?',
        [`growth_${size}/sessions`],
      );
      bytes.push({ method: 'mysql', size, perSession: Math.round(row.file / size) });
    }
    return bytes;
  }

  async settings() {
    const mysql = await this.counters.settings();
    return { mysql: { ...mysql, bufferPoolBytes: BUFFER_POOL, redoLogBytes: REDO_LOG } };
  }
}
