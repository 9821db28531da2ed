// The `file` method with folders of several sizes on a local disk, by the store itself in this process and its helpers.
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { roamDir } from '@roam/local-stack';
import { FileSessionStore } from '@roam/session/file';
import { usageOfHelpers } from '../usage.mjs';
import { ACTIONS, WorkingSet } from './actions.mjs';
import { Generated } from './content.mjs';
import { fillFolder } from './file-fill.mjs';
import { measureAction } from './measure.mjs';
import { sweepBesideRequests } from './sweep.mjs';

/** Each write is flushed. */
const TURNS = { lasting: { alone: 200, atOnce: 500 }, spent: { alone: 50, atOnce: 200 } };
/** One session more in so many has ended: a sweep that has removed a hundredth of them has looked at a hundredth of all. */
const EXPIRED_ONE_IN = 100;
/** A batch of this method takes two seconds, and the rest after it. */
const SWEEP_TURNS = 1;

export class FileGrowth {
  stops = [];
  sites = [];

  constructor({ sizes, rounds, say }) {
    Object.assign(this, { sizes, rounds, say });
  }

  async fill() {
    const folder = mkdtempSync(join(roamDir('bench'), 'growth-'));
    this.stops.push(async () => rmSync(folder, { recursive: true }));
    const secret = randomBytes(32).toString('hex');
    for (const size of this.sizes) {
      const dir = join(folder, String(size));
      mkdirSync(dir);
      const options = { dirs: [dir], serverName: 'web1', secrets: [secret], deadlineMs: 5000 };
      // Makes the folder a store.
      await (await FileSessionStore.open(options)).close();
      const generated = new Generated(size, Date.now());
      const expired = Math.ceil(size / EXPIRED_ONE_IN);
      const used = fillFolder(dir, secret, generated, expired, this.say);
      const store = await FileSessionStore.open(options);
      this.stops.push(() => store.close());
      const set = new WorkingSet(store, 'file', generated);
      this.sites.push({ size, set, expired, perSession: Math.round(used.bytes / size), files: used.files / size });
    }
  }

  async stop() {
    for (const stop of this.stops.splice(0).reverse()) await stop();
  }

  async measure() {
    for (const { set } of this.sites) await set.warm();
    const samples = [];
    for (let round = 0; round <= this.rounds; round++) {
      const sites = round % 2 === 1 ? this.sites : this.sites.toReversed();
      for (const name of Object.keys(ACTIONS))
        for (const { size, set } of sites) {
          const turn = await measureAction(name, set, TURNS, () => this.usage());
          if (round > 0) samples.push(...turn.map((each) => ({ method: 'file', round, size, ...each })));
        }
      this.say(`file, round ${round} of ${this.rounds} is measured`);
    }
    const [sweeps, facts] = [[], []];
    for (const { size, set, expired, files } of this.sites) {
      const result = await sweepBesideRequests(set, SWEEP_TURNS);
      sweeps.push({ method: 'file', size, ...result });
      const work = result.batches.reduce((sum, ms) => sum + ms / 1000, 0);
      const round = (work * expired) / result.removed;
      facts.push(
        `${size} sessions: ${files.toFixed(2)} files each; to look at all of them once, the sweep works for ${round.toFixed(0)} s.`,
      );
    }
    const bytes = this.sites.map(({ size, perSession }) => ({ method: 'file', size, perSession }));
    return { samples, sweeps, bytes, facts };
  }

  usage() {
    const { user, system } = process.cpuUsage();
    return { web: user + system, server: usageOfHelpers(process.pid).cpu };
  }
}
