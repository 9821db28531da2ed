// What the removal of ended sessions does to requests that come at a steady rate meanwhile.
import { performance } from 'node:perf_hooks';
import { TaskRunner } from '../../../apps/web/dist/tasks/task-runner.js';
import { ACTIONS } from './actions.mjs';
import { measureSteadily } from './measure.mjs';

const REQUESTS_PER_SECOND = 300;
/** One request in so many changes its session. */
const CHANGE_EVERY = 10;
const QUIET_MS = 5000;
/** As the session module removes: what ended so long ago, a batch at a time. */
const KEPT_MS = 600_000;
const BATCH = 100;

/** @param isEnough of what the batches have removed so far; a batch that removes nothing is the last one, too */
export async function sweepBesideRequests(set, isEnough = () => false) {
  const [read, change] = [ACTIONS.read.once(set), ACTIONS.change.once(set)];
  let sent = 0;
  const request = () => (++sent % CHANGE_EVERY === 0 ? change() : read());
  const quietly = async () => {
    const until = performance.now() + QUIET_MS;
    return measureSteadily(request, REQUESTS_PER_SECOND, () => performance.now() < until);
  };
  const before = await quietly();
  const batches = [];
  let [isSweeping, removed] = [true, 0];
  const batch = async () => {
    const at = performance.now();
    const items = await set.store.sweep(Date.now() - KEPT_MS, BATCH);
    batches.push(performance.now() - at);
    removed += items;
    return isEnough(removed) ? 0 : items;
  };
  const began = performance.now();
  // As the web app does it: with rests.
  const runner = new TaskRunner(undefined, 'web1', console, []);
  const task = { name: 'sweep', everyMs: Infinity, leased: false, batch };
  const sweeping = runner.run(task).finally(() => (isSweeping = false));
  const during = await measureSteadily(request, REQUESTS_PER_SECOND, () => isSweeping);
  await sweeping;
  const seconds = (performance.now() - began) / 1000;
  const after = await quietly();
  return { removed, seconds, batches, before: before.times, during: during.times, after: after.times };
}
