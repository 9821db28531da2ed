// One server of the `sync` method: opens its store, fills it, and does the actions on it.
import { performance } from 'node:perf_hooks';
import { SyncSessionStore } from '@roam/session/sync';
import { answerParent } from '../process.mjs';
import { processUsage } from '../usage.mjs';
import { WorkingSet } from './actions.mjs';
import { Generated } from './content.mjs';
import { measureAction } from './measure.mjs';

const TURNS = { lasting: { alone: 500, atOnce: 2000 }, spent: { alone: 100, atOnce: 400 } };
const CREATED_AT_ONCE = 200;

let store;
let set;

answerParent({
  pid: async () => process.pid,
  async open(options) {
    store = await SyncSessionStore.open(options);
    return store.stats().joinedIn;
  },
  /** By the store itself: this server is alone meanwhile. */
  async fill({ size, now }) {
    const generated = new Generated(size, now);
    const began = performance.now();
    for (let from = 0; from < size; from += CREATED_AT_ONCE) {
      const amount = Math.min(CREATED_AT_ONCE, size - from);
      await Promise.all(Array.from({ length: amount }, (_, i) => store.create(generated.record(from + i))));
    }
    return (performance.now() - began) / 1000;
  },
  async warm({ size, now }) {
    set = new WorkingSet(store, 'sync', new Generated(size, now));
    await set.warm();
  },
  /** @param others the processes of the other servers, which a change keeps busy too */
  async turn({ name, others }) {
    const usage = async () => {
      const { user, system } = process.cpuUsage();
      const server = others.reduce((sum, pid) => sum + processUsage(pid).cpu, 0);
      return { web: user + system, server };
    };
    const samples = await measureAction(name, set, TURNS, usage);
    set.created.length = 0;
    return samples;
  },
  async memory() {
    globalThis.gc();
    const { heapUsed, rss } = process.memoryUsage();
    return { heapUsed, rss, greatestRss: process.resourceUsage().maxRSS * 1024, sessions: store?.stats().sessions };
  },
  async leave() {
    const began = performance.now();
    await store.close();
    return (performance.now() - began) / 1000;
  },
  close: async () => undefined,
});
