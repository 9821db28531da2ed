// A crowd on the site for a long time, while one part of it after the other is killed, frozen and restarted.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Stack } from '@roam/local-stack';
import { check, explain } from './check.js';
import type { Crowd } from './crowd.js';
import { FaultInjector } from './fault-injector.js';
import { failed, Slowest } from './figures.js';
import { describeOperation, type Operation } from './history.js';
import { methods, type MethodName } from './methods.js';
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
  /** Milliseconds from the end of a fault until everything had recovered, the longest. */
  readonly recoveredAfter: number;
  /** Requests that were kept at once, for the check: what bounds the memory. */
  readonly mostKept: number;
  /** Megabytes resident of the test itself, the most. */
  readonly mostMemory: number;
  readonly failures: readonly string[];
  readonly slowest: readonly string[];
  /** Broken promises, each with the shortest history that shows it. */
  readonly violations: readonly string[];
}

const WINDOW_MS = 60_000;
const MOST_IN_WORDS = 50;

export async function soak(options: SoakOptions): Promise<SoakOutcome> {
  const { stack, method, faults, minutes, seed, users = 24, perSecond = 80, onProgress } = options;
  const scene = new Scene({ stack, method });
  const crowd = scene.crowd({ users, perSecond, seed });
  const injector = new FaultInjector(scene, faults, seed);
  const tally = new Tally(crowd, injector, method);
  try {
    await crowd.start();
    let injecting = true;
    const injection = injector
      .runUntil(tally.begun + minutes * 60_000)
      // What was measured until now is kept.
      .catch((error: Error) => void tally.failures.push(error.message))
      .finally(() => (injecting = false));
    while (injecting) {
      await Promise.race([sleep(WINDOW_MS, undefined, { ref: false }), injection]);
      // The check sees no request under way, and its own time is in nobody's wait.
      await crowd.stop();
      tally.take();
      onProgress(tally.line(minutes));
      crowd.resume();
    }
    await crowd.stop();
    await crowd.lookAround();
    tally.take();
    onProgress(tally.line(minutes));
  } finally {
    await crowd.stop();
    crowd.close();
  }
  const { done, recoveredAfter } = injector;
  return { method, minutes, seed, users, ...tally.outcome(), faults: done, recoveredAfter };
}

/** What is counted, one window after the other. */
class Tally {
  readonly begun = performance.now();
  readonly failures: string[] = [];
  private readonly sum = { requests: 0, failed: 0, failedAsPromised: 0, longestWait: 0, mostKept: 0, mostMemory: 0 };
  private readonly slowest = new Slowest();
  private readonly violations = new Set<string>();
  /** How much of the crowd's history has been counted. */
  private counted = 0;

  constructor(
    private readonly crowd: Crowd,
    private readonly injector: FaultInjector,
    private readonly method: MethodName,
  ) {}

  /** Counts and checks what is new, while nobody acts; drops what is not needed any more. */
  take(): void {
    const { crowd, sum } = this;
    const sent = crowd.history.slice(this.counted);
    this.slowest.see(sent);
    for (const operation of sent) this.count(operation);
    sum.mostKept = Math.max(sum.mostKept, crowd.history.length);
    sum.mostMemory = Math.max(sum.mostMemory, Math.round(process.memoryUsage.rss() / 2 ** 20));
    for (const violation of check(crowd.history, methods[this.method].promises))
      if (this.violations.size < MOST_IN_WORDS) this.violations.add(explain([violation])!);
    crowd.forgetSettled();
    this.counted = crowd.history.length;
    this.injector.forgetBefore(performance.now() - 2 * WINDOW_MS);
  }

  line(minutes: number): string {
    const { requests, failed, longestWait } = this.sum;
    const minute = ((performance.now() - this.begun) / 60_000).toFixed(1);
    const faults = Object.values(this.injector.done).reduce((a, b) => a + b, 0);
    return (
      `minute ${minute} of ${minutes}: ${faults} faults, ${requests} requests, ${failed} failed, ` +
      `longest wait ${longestWait} ms, ${this.violations.size} promises broken`
    );
  }

  outcome(): Omit<SoakOutcome, 'method' | 'minutes' | 'seed' | 'users' | 'faults' | 'recoveredAfter'> {
    const { sum, failures, slowest, violations, begun } = this;
    return { ...sum, failures, slowest: slowest.lines(begun), violations: [...violations] };
  }

  private count(operation: Operation): void {
    if (operation.via !== 'nginx') return;
    const { sum, failures } = this;
    sum.requests += 1;
    sum.longestWait = Math.max(sum.longestWait, Math.round(operation.ended - operation.begun));
    if (!failed(operation)) return;
    const fault = this.injector.faultDuring(operation);
    if (fault?.mayFail?.(operation)) {
      sum.failedAsPromised += 1;
      return;
    }
    sum.failed += 1;
    const during = fault ? `${fault.name}: ` : '';
    if (failures.length < MOST_IN_WORDS) failures.push(during + describeOperation(operation, this.begun));
  }
}
