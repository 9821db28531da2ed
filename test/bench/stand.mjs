// What a measurement runs on: MySQL, Redis, the load, and a web server for each variant, each on its processor cores.
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { PortReservation, roamDir, startDatabases, startRedis } from '@roam/local-stack';
import { Counters } from './counters.ts';
import { SESSIONS } from './flags.ts';
import { documentWrites } from './document-writes.ts';
import { pin, startProcess, usableCores } from './process.mjs';
import { redisVersion } from './redis-version.mjs';

/** roam's default for reads; it has twice as many for writes. */
const CONNECTIONS_PER_NODE = 10;
/** A pool for reads and writes gets as many in all. */
const CONNECTIONS = 3 * CONNECTIONS_PER_NODE;
const RESULTS = new URL('results/', import.meta.url);

/** Starts everything. `stop` may be called at any time, also before this has resolved: `stops` has what must be ended. */
export class Stand {
  stops = [];
  servers = new Map();
  ports = new PortReservation();

  constructor({ topology, variants, actions, profile, durable, say }) {
    Object.assign(this, { topology, variants, actions, profile, durable, say });
    const [webCore, ...otherCores] = usableCores();
    this.separate = otherCores.length > 0;
    this.webCores = this.separate ? [webCore] : [];
    this.otherCores = otherCores;
  }

  async start() {
    const { topology, variants, say } = this;
    if (!this.separate)
      say('taskset is missing, or there is one core only: web server, load and databases share all cores');
    const count = topology === 'single' ? 1 : 3;
    this.databases = await startDatabases({ count, topology, durable: this.durable, onProgress: say });
    this.stops.push(() => this.databases.stop());
    for (const { pid } of this.databases.nodes) pin(pid, this.otherCores);
    if (variants.some(({ needsRedis }) => needsRedis)) {
      this.redis = await startRedis(say);
      this.stops.push(() => this.redis.stop());
      pin(this.redis.process.pid, this.otherCores);
    }
    this.counters = new Counters(this.databases.nodes.map(({ adminUrl }) => adminUrl));
    this.stops.push(() => this.counters.close());
    this.load = await startProcess('load.mjs', { cores: this.otherCores });
    this.stops.push(() => this.load.stop());
    this.folder = mkdtempSync(join(roamDir('bench'), 'run-'));
    this.stops.push(async () => rmSync(this.folder, { recursive: true }));
    say(`starting ${variants.length} web servers`);
    await Promise.all(variants.map((variant) => this.startVariant(variant)));
    say(`creating ${SESSIONS} sessions of each`);
    for (const { name, inCookie } of variants) await this.makeSessions(name, inCookie ?? false);
  }

  async stop() {
    for (const stop of this.stops.splice(0).reverse()) await stop();
    this.ports.release();
  }

  async startVariant({ name }) {
    const mounts = this.mountsOf(name);
    if (/file/.test(name)) for (const mount of mounts) mkdirSync(mount);
    const settings = {
      urls: this.databases.urls,
      redis: this.redis?.url,
      connections: CONNECTIONS,
      connectionsPerNode: CONNECTIONS_PER_NODE,
      dirs: mounts,
      secret: randomBytes(32).toString('hex'),
    };
    const servers = name === 'sync' ? await this.syncServers() : [{ name: 'web1' }];
    const started = await Promise.all(
      servers.map((own, i) =>
        this.startServer(name, { ...settings, ...own }, i === 0 ? this.webCores : this.otherCores),
      ),
    );
    const [{ ask }] = started;
    this.servers.set(name, { ask, url: await ask('url') });
  }

  /** Folders for what keeps sessions in files. */
  mountsOf(name) {
    return this.databases.nodes.map((_, i) => join(this.folder, `${name}-${i}`));
  }

  /** The first is measured; the others, two in a group, are what confirms its writes. */
  async syncServers() {
    const ports = [];
    for (let i = 0; i < Math.max(2, this.databases.nodes.length); i++) ports.push(await this.ports.next());
    const peers = ports.map((port) => `127.0.0.1:${port}`);
    return ports.map((port, i) => ({ name: `web${i + 1}`, port, peers }));
  }

  async startServer(variant, settings, cores) {
    const profile = `--cpu-prof-name=${variant.replaceAll(/\W+/g, '-')}.cpuprofile`;
    const server = await startProcess('server.mjs', {
      cores,
      args: [variant, JSON.stringify(settings)],
      nodeArgs: this.profile ? ['--cpu-prof', `--cpu-prof-dir=${RESULTS.pathname}`, profile] : [],
    });
    this.stops.push(() => server.stop());
    return server;
  }

  async makeSessions(name, inCookie) {
    const own = { url: this.servers.get(name).url, amount: SESSIONS, verify: name !== 'bare' };
    if (this.actions.some((action) => action !== 'large'))
      await this.load.ask('makeSessions', { ...own, large: false });
    if (this.actions.includes('large') && !inCookie) await this.load.ask('makeSessions', { ...own, large: true });
  }

  /** What the load is to ask, and whether its answers tell whose session it is. */
  targetOf(variant, action) {
    return { url: this.servers.get(variant).url, action, verify: variant !== 'bare' };
  }

  /** A turn that does not count. On a slow disk none of its requests may be answered in time. */
  async warmUp({ variant, action }, duration) {
    const target = this.targetOf(variant, action);
    await this.load.ask('warmUp', { ...target, duration });
    await this.load.ask('restore', target);
  }

  /** One turn of so many seconds. Throws when an answer is wrong. */
  async measure({ variant, action }, duration) {
    const { ask } = this.servers.get(variant);
    const target = this.targetOf(variant, action);
    const [before, countedBefore] = [await ask('usage'), await this.counters.read()];
    const result = await this.load.ask('measure', { ...target, duration });
    const [{ cpu, rss }, counted] = [await ask('usage'), await this.counters.read()];
    await this.load.ask('restore', target);
    return {
      ...{ topology: this.topology, variant, action, ...result, cpu: cpu - before.cpu, rss },
      statements: counted.statements - countedBefore.statements,
      commits: counted.commits - countedBefore.commits,
    };
  }

  /**
   * What one request costs, from so many that are sent one at a time, on one MySQL server. Nothing is gathered then, so
   * these counts are exact, however fast the machine is.
   */
  async count({ variant, action }, requests) {
    const target = this.targetOf(variant, action);
    const counted = async () => {
      const { statements, commits, rows } = await this.counters.readOfRequests();
      return [statements, commits, rows + documentWrites(this.mountsOf(variant))];
    };
    await this.load.ask('prepare', target);
    const before = await counted();
    await this.load.ask('measure', { ...target, amount: requests, connections: 1 });
    const after = await counted();
    await this.load.ask('restore', target);
    const [statements, commits, writes] = after.map((count, i) => (count - before[i]) / requests);
    return { variant, action, statements, commits, writes };
  }

  /** What must be done just before a turn that counts. */
  async prepare({ variant, action }) {
    await this.load.ask('prepare', this.targetOf(variant, action));
  }

  /** What the databases are, for the reader of the results. */
  async settings() {
    const mysql = await this.counters.settings();
    const pool = { connections: CONNECTIONS, connectionsPerNode: CONNECTIONS_PER_NODE };
    return { mysql, ...(this.redis && { redis: await redisVersion(this.redis.url) }), ...pool };
  }
}
