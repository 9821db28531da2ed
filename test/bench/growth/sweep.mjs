// What the removal of ended sessions does to requests that come at a steady rate meanwhile.
import { performance } from 'node:perf_hooks';
import { SessionManager } from '@roam/session';
import { TaskRunner } from '../../../apps/web/dist/tasks/task-runner.js';
import { ACTIONS } from './actions.mjs';
import { measureSteadily } from './measure.mjs';

const REQUESTS_PER_SECOND = 300;
/** One request in so many changes its session. */
const CHANGE_EVERY = 10;
/** Without a sweep and beside one by turns: what the machine does meanwhile hits both. */
const SWEEP_TURNS = 5;
const TURN_MS = 4000;

/** The requests of each turn without a sweep, and of the one beside a sweep that follows it. */
export async function sweepBesideRequests(set, turns = SWEEP_TURNS) {
  const [read, change] = [ACTIONS.read.once(set), ACTIONS.change.once(set)];
  let sent = 0;
  const request = () => (++sent % CHANGE_EVERY === 0 ? change() : read());
  const requestsOf = async (isGoingOn) => (await measureSteadily(request, REQUESTS_PER_SECOND, isGoingOn)).times;
  const result = { removed: 0, seconds: 0, batches: [], without: [], during: [] };
  for (let turn = 0; turn < turns; turn++) {
    let until = performance.now() + TURN_MS;
    result.without.push(await requestsOf(() => performance.now() < until));
    const began = performance.now();
    until = began + TURN_MS;
    let isSweeping = true;
    const sweeping = sweep(set.store, until, result).finally(() => (isSweeping = false));
    result.during.push(await requestsOf(() => isSweeping));
    await sweeping;
    result.seconds += (performance.now() - began) / 1000;
  }
  return result;
}

/** As the web app does it: with rests. */
function sweep(store, until, result) {
  const sessions = new SessionManager({ store, secrets: ['s'.repeat(32)], secure: false });
  const batch = async () => {
    const at = performance.now();
    if (at > until) return 0;
    const items = await sessions.sweep();
    result.batches.push(performance.now() - at);
    result.removed += items;
    return items;
  };
  const task = { name: 'sweep', everyMs: Infinity, leased: false, batch };
  return new TaskRunner(undefined, 'web1', console, []).run(task);
}
