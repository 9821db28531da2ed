// A stack with a crowd on it, to which a fault is done again and again.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { roamDir, type Stack } from '@roam/local-stack';
import { check, explain, type Promises } from './check.js';
import { Crowd, type CrowdOptions } from './crowd.js';
import { failed, figuresOf, p99Of, Slowest, type Figures } from './figures.js';
import { describeOperation, type Operation } from './history.js';
import { methods, type MethodName } from './methods.js';
import * as settings from './settings.js';

export interface Fault {
  readonly name: string;
  /** Does it once and undoes it; `round` counts up, for another victim each time. */
  readonly inject: (scene: Scene, round: number) => Promise<void>;
  /** Milliseconds. */
  readonly longestWait: number;
  /** Failures that are promised to be possible. */
  readonly mayFail?: (operation: Operation) => boolean;
}

/** What one kind of fault did, the worst of all rounds. */
export interface Outcome extends Figures {
  readonly fault: string;
  readonly method: MethodName;
  readonly rounds: number;
  /** Failures that were not promised to be possible, in words. */
  readonly failures: readonly string[];
  /** The requests of each round that took longest, in words. */
  readonly slowest: readonly string[];
  /** The shortest history that breaks a promise. */
  readonly broken: string | undefined;
  /** Milliseconds from the end of the fault until everything had recovered. */
  readonly recoveredAfter: number;
  /** Milliseconds that 99 of 100 reads and writes took that the fault did not hit themselves, in all rounds. */
  readonly othersP99: number;
}

export interface SceneOptions extends Pick<CrowdOptions, 'replays' | 'ends'> {
  readonly stack: Stack;
  readonly method: MethodName;
  readonly users?: number;
  readonly perSecond?: number;
}

const WHOLE_WITHIN_MS = 120_000;
const QUIET_MS = 1_500;
/** Programs that have just started are slow: what they answer first tells of no fault. */
const WARM_UP_MS = 8_000;

export class Scene {
  readonly stack: Stack;
  /** Web servers that are meant to be down: users do not go there past nginx. */
  readonly down = new Set<string>();
  /** Users whose own sessions the fault hits. */
  readonly hit = new Set<string>();
  /** When the fault hit what was under way, by the clock of the history. */
  readonly hitAt: number[] = [];

  constructor(private readonly options: SceneOptions) {
    this.stack = options.stack;
  }

  /** Runs the fault as often as the settings say, under one crowd. */
  async run(fault: Fault): Promise<Outcome> {
    const { method, users = 64, perSecond = settings.perSecond } = this.options;
    const crowd = this.crowd({ users, perSecond });
    const each: (Figures & { recoveredAfter: number })[] = [];
    const failures: string[] = [];
    const slowest: string[] = [];
    const seen: Operation[] = [];
    try {
      await crowd.start();
      await sleep(WARM_UP_MS);
      for (let round = 0; round < settings.rounds; round++) {
        await sleep(QUIET_MS);
        const before = crowd.history.length;
        const begun = performance.now();
        await fault.inject(this, round);
        const ended = performance.now();
        await this.untilRecovered();
        const recoveredAfter = performance.now() - ended;
        await sleep(QUIET_MS);
        // Requests are kept when they end: those that were under way at the beginning are among them.
        const during = crowd.history.slice(before);
        seen.push(...during);
        each.push({ ...figuresOf(during), recoveredAfter: Math.round(recoveredAfter) });
        const slow = new Slowest();
        slow.see(during);
        slowest.push(...slow.lines(begun).map((each) => `round ${round + 1}: ${each}`));
        const wrong = during.filter((operation) => failed(operation) && !fault.mayFail?.(operation));
        failures.push(...wrong.map((operation) => `round ${round + 1}: ${describeOperation(operation, begun)}`));
      }
      await crowd.stop();
      await sleep(QUIET_MS);
      await crowd.lookAround();
    } finally {
      await crowd.stop();
      crowd.close();
    }
    const worst = (figure: keyof Figures | 'recoveredAfter') => Math.max(...each.map((figures) => figures[figure]));
    return {
      fault: fault.name,
      method,
      rounds: settings.rounds,
      requests: each.reduce((sum, { requests }) => sum + requests, 0),
      perSecond: Math.min(...each.map((figures) => figures.perSecond)),
      failed: worst('failed'),
      refused: worst('refused'),
      failedReads: worst('failedReads'),
      longestWait: worst('longestWait'),
      failingFor: worst('failingFor'),
      recoveredAfter: worst('recoveredAfter'),
      othersP99: p99Of(seen.filter((operation) => !this.isHit(operation))),
      failures,
      slowest,
      broken: this.judge(crowd.history, methods[method].promises),
    };
  }

  /** People for its stack; they keep away from servers that are meant to be down. */
  crowd(size: { readonly users: number; readonly perSecond: number; readonly seed?: number }): Crowd {
    const { stack, method, replays, ends } = this.options;
    const servers = () => stack.servers.filter(({ name }) => !this.down.has(name));
    return new Crowd({ site: { url: stack.url, servers }, method: methods[method], replays, ends, ...size });
  }

  private isHit({ user, begun, ended }: Operation): boolean {
    return this.hit.has(user) || this.hitAt.some((moment) => begun <= moment && ended > moment);
  }

  /** What is broken, in words; all that its users did is kept in a file. */
  private judge(history: readonly Operation[], promises: Promises): string | undefined {
    const violations = check(history, promises);
    if (violations.length === 0) return undefined;
    const users = new Set(violations.map(({ operations }) => operations[0].user));
    const file = join(roamDir(), 'broken-history.txt');
    const lines = history.filter(({ user }) => users.has(user)).map((each) => describeOperation(each));
    writeFileSync(file, `${violations.map((each) => explain([each])).join('\n')}\n\n${lines.join('\n')}\n`);
    return `${explain(violations)}\nAll that these users did: ${file}`;
  }

  /** Resolves when every web server takes traffic, and sees every database, mount and peer as one that can be used. */
  async untilRecovered(): Promise<void> {
    const end = performance.now() + WHOLE_WITHIN_MS;
    for (;;) {
      const missing = (await Promise.all(this.stack.servers.map((server) => missingOf(server.metricsUrl)))).filter(
        (each) => each !== undefined,
      );
      if (missing.length === 0) return;
      if (performance.now() > end)
        throw new Error(
          `Timed out after ${WHOLE_WITHIN_MS / 1_000} s waiting for the stack to recover: ${missing.join('; ')}`,
        );
      await sleep(100);
    }
  }
}

type Parts = readonly { readonly name: string; readonly state: string }[];

interface Readiness {
  readonly ready: boolean;
  readonly waitingFor?: string;
  readonly dependencies: { readonly mysql: { readonly nodes: Parts }; readonly sessions: { readonly places: Parts } };
}

/** What has not recovered, as a web server sees it; undefined when everything has. */
async function missingOf(metricsUrl: string): Promise<string | undefined> {
  try {
    const response = await fetch(`${metricsUrl}/readyz`, { signal: AbortSignal.timeout(1_000) });
    const { ready, waitingFor, dependencies } = (await response.json()) as Readiness;
    if (!ready) return `a web server is not ready: it waits for ${waitingFor ?? 'an unknown dependency'}`;
    const parts = [...dependencies.mysql.nodes, ...dependencies.sessions.places];
    const away = parts.filter(({ state }) => state !== 'online');
    return away.length > 0 ? away.map(({ name, state }) => `${name} is ${state}`).join(', ') : undefined;
  } catch (error) {
    return String(error);
  }
}
