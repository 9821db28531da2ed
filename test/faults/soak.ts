// A crowd on the site for a long time, while one part of it after the other is killed, frozen and restarted.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Stack } from '@roam/local-stack';
import { check, explain } from './check.js';
import { failed, Slowest } from './figures.js';
import { describeOperation, type Operation } from './history.js';
import { methods, type MethodName } from './methods.js';
import { generator } from './random.js';
import { Scene, type Fault } from './scene.js';

export interface SoakOptions {
  readonly stack: Stack;
  readonly method: MethodName;
  readonly faults: readonly Fault[];
  readonly minutes: number;
  /** Makes two soaks do the same faults to the same parts in the same order. */
  readonly seed: number;
  readonly users?: number;
  readonly perSecond?: number;
  /** Receives one line a minute. */
  readonly onProgress: (line: string) => void;
}

export interface SoakOutcome {
  readonly method: MethodName;
  readonly minutes: number;
  readonly seed: number;
  readonly users: number;
  /** Requests through nginx. */
  readonly requests: number;
  readonly failed: number;
  /** Failed, as the fault of that moment is promised to make them fail (nginx itself is down). */
  readonly failedAsPromised: number;
  /** Milliseconds. */
  readonly longestWait: number;
  /** How often each fault was done. */
  readonly faults: Readonly<Record<string, number>>;
  /** Milliseconds from the end of a fault until everything was whole again, the longest. */
  readonly wholeAfter: number;
  /** Requests that were kept at once, for the check: what bounds the memory. */
  readonly mostKept: number;
  /** Megabytes resident of the test itself, the most. */
  readonly mostMemory: number;
  readonly failures: readonly string[];
  readonly slowest: readonly string[];
  /** Broken promises, each with the shortest history that shows it. */
  readonly violations: readonly string[];
}

/** A fault begins so long after the last one did, or when all is whole again, whichever is later. */
const FAULT_EVERY_MS = 20_000;
const WINDOW_MS = 60_000;
/** Requests that fail because of a fault may end so long after all is whole. */
const AFTERMATH_MS = 1_500;
const MOST_IN_WORDS = 50;

interface Struck {
  readonly fault: Fault;
  readonly begun: number;
  ended: number;
}

export async function soak(options: SoakOptions): Promise<SoakOutcome> {
  const { stack, method, faults, minutes, seed, users = 24, perSecond = 80, onProgress } = options;
  const scene = new Scene({ stack, method });
  const crowd = scene.crowd({ users, perSecond, seed });
  const begun = performance.now();
  const end = begun + minutes * 60_000;

  const failures: string[] = [];
  const struck: Struck[] = [];
  const done: Record<string, number> = {};
  let wholeAfter = 0;
  const random = generator(seed);
  const strikeUntilTheEnd = async () => {
    while (performance.now() < end) {
      const fault = faults[Math.floor(random() * faults.length)];
      const round = Math.floor(random() * 1_000);
      const now: Struck = { fault, begun: performance.now(), ended: Infinity };
      struck.push(now);
      let over: number;
      try {
        await fault.strike(scene, round);
        over = performance.now();
        await scene.untilWhole();
      } catch (error) {
        // What was measured until now is kept; the site is no longer one to do more to.
        failures.push(`${fault.name} could not be done and undone: ${String(error)}`);
        return;
      }
      now.ended = performance.now();
      wholeAfter = Math.max(wholeAfter, Math.round(now.ended - over));
      done[fault.name] = (done[fault.name] ?? 0) + 1;
      await sleep(Math.max(AFTERMATH_MS, Math.min(now.begun + FAULT_EVERY_MS, end) - performance.now()));
    }
  };

  const sum = { requests: 0, failed: 0, failedAsPromised: 0, longestWait: 0, mostKept: 0, mostMemory: 0 };
  const slowest = new Slowest();
  const violations = new Set<string>();
  let counted = 0;
  const count = (operation: Operation) => {
    if (operation.via !== 'nginx') return;
    sum.requests += 1;
    sum.longestWait = Math.max(sum.longestWait, Math.round(operation.ended - operation.begun));
    if (!failed(operation)) return;
    const cause = struck.find((each) => operation.ended >= each.begun && operation.begun <= each.ended + AFTERMATH_MS);
    if (cause?.fault.mayFail?.(operation)) {
      sum.failedAsPromised += 1;
      return;
    }
    sum.failed += 1;
    const during = cause ? `${cause.fault.name}: ` : '';
    if (failures.length < MOST_IN_WORDS) failures.push(during + describeOperation(operation, begun));
  };
  /** While nobody acts. */
  const look = () => {
    const sent = crowd.history.slice(counted);
    slowest.see(sent);
    sent.forEach(count);
    sum.mostKept = Math.max(sum.mostKept, crowd.history.length);
    sum.mostMemory = Math.max(sum.mostMemory, Math.round(process.memoryUsage.rss() / 2 ** 20));
    for (const violation of check(crowd.history, methods[method].promises)) {
      if (violations.size < MOST_IN_WORDS) violations.add(explain([violation])!);
    }
    crowd.forgetSettled();
    counted = crowd.history.length;
    while (struck.length > 1 && struck[0].ended + 2 * WINDOW_MS < performance.now()) struck.shift();
    const minute = ((performance.now() - begun) / 60_000).toFixed(1);
    const faultsDone = Object.values(done).reduce((a, b) => a + b, 0);
    onProgress(
      `minute ${minute} of ${minutes}: ${faultsDone} faults, ${sum.requests} requests, ${sum.failed} failed, ` +
        `longest wait ${sum.longestWait} ms, ${violations.size} promises broken`,
    );
  };

  try {
    await crowd.start();
    let striking = true;
    const strikes = strikeUntilTheEnd().finally(() => (striking = false));
    while (striking) {
      await Promise.race([sleep(WINDOW_MS, undefined, { ref: false }), strikes]);
      // The check sees no request under way, and its own time is in nobody's wait.
      await crowd.stop();
      look();
      crowd.resume();
    }
    await strikes;
    await crowd.stop();
    await crowd.lookAround();
    look();
  } finally {
    await crowd.stop();
    crowd.close();
  }
  return {
    method,
    minutes,
    seed,
    users,
    ...sum,
    faults: done,
    wholeAfter,
    failures,
    slowest: slowest.lines(begun),
    violations: [...violations],
  };
}
