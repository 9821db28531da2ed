// The `sync` method with sites of several sizes: three servers each, every one with all sessions in its memory.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { PortReservation, roamDir } from '@roam/local-stack';
import { startProcess } from '../process.mjs';
import { ACTIONS } from './actions.mjs';

const SERVERS = 3;
/** Megabytes; of Node, which allows 4 GB by itself on most machines. */
const HEAP = 8192;
/** More than the defaults, which are about a million sessions. */
const BOUNDS = { maxSessions: 4_000_000, maxBytes: 8 * 1024 ** 3 };
const MB = 1024 ** 2;

export class SyncGrowth {
  stops = [];
  sites = [];

  constructor({ sizes, rounds, say }) {
    Object.assign(this, { sizes, rounds, say });
  }

  /** The first server alone is given all sessions; the others take them over from it. */
  async fill() {
    this.folder = mkdtempSync(join(roamDir('bench'), 'growth-'));
    this.stops.push(async () => rmSync(this.folder, { recursive: true }));
    this.ports = new PortReservation();
    this.stops.push(async () => this.ports.release());
    for (const size of this.sizes) {
      const servers = await this.startServers(size);
      const content = { size, now: Date.now() };
      await servers[0].ask('open', servers[0].options);
      const empty = await servers[0].ask('memory');
      const filledIn = await servers[0].ask('fill', content);
      const memory = await servers[0].ask('memory');
      this.say(`sync: ${size} sessions created in ${filledIn.toFixed(1)} s`);
      this.sites.push({ size, servers, content, bytes: (memory.heapUsed - empty.heapUsed) / size });
    }
  }

  async startServers(size) {
    const ports = [];
    for (let i = 0; i < SERVERS; i++) ports.push(await this.ports.next());
    const peers = ports.map((port) => `127.0.0.1:${port}`);
    const secret = randomBytes(32).toString('hex');
    const servers = [];
    for (const [i, port] of ports.entries()) {
      const options = {
        ...{ serverName: `web${i + 1}`, listen: { host: '127.0.0.1', port }, peers, security: { secret }, ...BOUNDS },
        snapshotFile: join(this.folder, `${size}-${i}`),
      };
      servers.push({ options, ...(await this.startServer()) });
    }
    return servers;
  }

  async startServer() {
    const nodeArgs = ['--expose-gc', `--max-old-space-size=${HEAP}`];
    const { ask, stop } = await startProcess('growth/sync-server.mjs', { cores: [], nodeArgs });
    this.stops.push(stop);
    return { ask, stop, pid: await ask('pid') };
  }

  async stop() {
    for (const stop of this.stops.splice(0).reverse()) await stop();
  }

  async measure() {
    const facts = [];
    for (const site of this.sites) facts.push(await this.join(site));
    const samples = [];
    for (let round = 0; round <= this.rounds; round++) {
      const sites = round % 2 === 1 ? this.sites : this.sites.toReversed();
      for (const name of Object.keys(ACTIONS))
        for (const { size, servers } of sites) {
          const [{ ask }, ...others] = servers;
          const turn = await ask('turn', { name, others: others.map(({ pid }) => pid) });
          if (round > 0) samples.push(...turn.map((each) => ({ method: 'sync', round, size, ...each })));
        }
      this.say(`sync, round ${round} of ${this.rounds} is measured`);
    }
    for (const site of this.sites) facts.push(await this.restart(site));
    const bytes = this.sites.map((site) => ({ method: 'sync', size: site.size, perSession: Math.round(site.bytes) }));
    return { samples, bytes, facts };
  }

  /** The others take over what the first one has, one after the other. */
  async join({ size, servers, content }) {
    const [first, ...others] = servers;
    const joined = [];
    for (const { ask, options } of others) joined.push((await ask('open', options)) / 1000);
    const memories = [];
    for (const { ask } of servers) memories.push(await ask('memory'));
    await first.ask('warm', content);
    const megabytes = (of) => memories.map((memory) => (of(memory) / MB).toFixed(0)).join(', ');
    const times = joined.map((seconds) => seconds.toFixed(1)).join(' s and ');
    this.say(`sync: ${size} sessions taken over in ${times} s`);
    return (
      `${size} sessions: the second and the third server have joined in ${times} s. Memory of the servers in MB: ` +
      `${megabytes(({ rss }) => rss)} (the most: ${megabytes(({ greatestRss }) => greatestRss)}).`
    );
  }

  /** The last one leaves a snapshot and starts again with it, beside the others. */
  async restart({ size, servers }) {
    const last = servers.at(-1);
    const left = await last.ask('leave');
    const file = statSync(last.options.snapshotFile).size / MB;
    const { ask } = await this.startServer();
    const began = performance.now();
    await ask('open', last.options);
    const started = (performance.now() - began) / 1000;
    const { greatestRss } = await ask('memory');
    return (
      `${size} sessions: a snapshot of ${file.toFixed(0)} MB was written in ${left.toFixed(1)} s, and a start from it took ` +
      `${started.toFixed(1)} s and ${(greatestRss / MB).toFixed(0)} MB.`
    );
  }
}
