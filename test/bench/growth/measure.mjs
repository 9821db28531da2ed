// Does an action many times, one after the other and many at once, and tells what that took.
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { ACTIONS } from './actions.mjs';

/** As many actions as the load of the benchmark has connections. */
const AT_ONCE = 32;

/**
 * One turn of an action: alone, then many at once.
 * @param turns how often, for actions that leave their sessions and for those that spend one each
 * @param usage what was used so far: `web` and `server` in microseconds of processor, and what else is counted
 */
export async function measureAction(name, set, turns, usage) {
  const { once, spends } = ACTIONS[name];
  const amounts = spends ? turns.spent : turns.lasting;
  const samples = [];
  for (const [mode, atOnce] of [
    ['alone', 1],
    ['atOnce', AT_ONCE],
  ]) {
    const act = once(set, spends ? await set.make(amounts[mode]) : []);
    const before = await usage();
    const { times, seconds } = await measure(act, amounts[mode], atOnce);
    const after = await usage();
    const counted = Object.fromEntries(Object.keys(after).map((key) => [key, after[key] - before[key]]));
    const { web: webCpu, server: serverCpu, ...others } = counted;
    samples.push({ action: name, mode, times, seconds, webCpu, serverCpu, ...others });
  }
  return samples;
}

/**
 * @param act does the action once
 * @returns milliseconds of each, and seconds of all
 */
async function measure(act, amount, atOnce) {
  const times = [];
  let left = amount;
  const began = performance.now();
  const one = async () => {
    while (left-- > 0) {
      const at = performance.now();
      await act();
      times.push(performance.now() - at);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  return { times, seconds: (performance.now() - began) / 1000 };
}

/** As requests come: at a steady rate, whether those before have their answer or not, for as long as `isGoingOn` says. */
export async function measureSteadily(act, perSecond, isGoingOn) {
  const times = [];
  const running = [];
  const began = performance.now();
  for (let sent = 0; isGoingOn(); sent++) {
    const at = performance.now();
    running.push(act().then(() => times.push(performance.now() - at)));
    await sleep(began + ((sent + 1) * 1000) / perSecond - performance.now());
  }
  await Promise.all(running);
  return { times, seconds: (performance.now() - began) / 1000 };
}
