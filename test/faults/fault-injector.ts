// Injects one fault after the other into a site, chosen at random, and remembers when.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Operation } from './history.js';
import { generator } from './random.js';
import type { Fault, Scene } from './scene.js';

/** A fault begins so long after the last one did, or when all has recovered, whichever is later. */
const FAULT_EVERY_MS = 20_000;
/** Requests that fail because of a fault may end so long after all has recovered. */
const AFTERMATH_MS = 1_500;

interface Injected {
  readonly fault: Fault;
  readonly begun: number;
  ended: number;
}

export class FaultInjector {
  /** How often each fault was done. */
  readonly done: Record<string, number> = {};
  /** Milliseconds from the end of a fault until everything had recovered, the longest. */
  recoveredAfter = 0;
  private readonly injected: Injected[] = [];
  private readonly random: () => number;

  /** @param seed makes two of them do the same faults to the same parts in the same order */
  constructor(
    private readonly scene: Scene,
    private readonly faults: readonly Fault[],
    seed: number,
  ) {
    this.random = generator(seed);
  }

  /** @throws Error when a fault could not be done and undone: the site is no longer one to do more to */
  async runUntil(end: number): Promise<void> {
    while (performance.now() < end) {
      const fault = this.faults[Math.floor(this.random() * this.faults.length)];
      const round = Math.floor(this.random() * 1_000);
      const now: Injected = { fault, begun: performance.now(), ended: Infinity };
      this.injected.push(now);
      let over: number;
      try {
        await fault.inject(this.scene, round);
        over = performance.now();
        await this.scene.untilRecovered();
      } catch (error) {
        throw new Error(`${fault.name} could not be done and undone: ${String(error)}`, { cause: error });
      }
      now.ended = performance.now();
      this.recoveredAfter = Math.max(this.recoveredAfter, Math.round(now.ended - over));
      this.done[fault.name] = (this.done[fault.name] ?? 0) + 1;
      await sleep(Math.max(AFTERMATH_MS, Math.min(now.begun + FAULT_EVERY_MS, end) - performance.now()));
    }
  }

  /** The fault during which the request ran, or just after it. */
  faultDuring({ begun, ended }: Operation): Fault | undefined {
    return this.injected.find((each) => ended >= each.begun && begun <= each.ended + AFTERMATH_MS)?.fault;
  }

  /** Drops what was over before that moment; never the last one. */
  forgetBefore(moment: number): void {
    while (this.injected.length > 1 && this.injected[0].ended < moment) this.injected.shift();
  }
}
