// More load than the site can serve: thousands of connections, each asking again as soon as it was answered.
import { Agent, get } from 'node:http';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Stack } from '@roam/local-stack';

export interface OverloadOptions {
  /** Connections that are kept open at once. */
  readonly connections: number;
  readonly seconds: number;
  /** Requests a second in all; the connections take turns. */
  readonly perSecond: number;
  /** A cookie header, so that each request reads a session. */
  readonly cookie: string;
  readonly path?: string;
}

export interface OverloadFigures {
  /** How many answers had each status; `failed`: no complete answer. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Answers 503 that did not say when to come again. */
  readonly withoutRetryAfter: number;
  /** Milliseconds of the answers 200. */
  readonly p50: number;
  readonly p99: number;
  readonly longest: number;
  /** Megabytes resident of each web server: before, the most during, and five seconds after. */
  readonly memory: readonly { readonly name: string; before: number; most: number; after: number }[];
  /** Milliseconds of the slowest of 50 requests, five seconds after the load has ended. */
  readonly longestAfter: number;
}

/** Loads the site through nginx and reports; rejects for nothing, so that the caller may judge. */
export async function overload(stack: Stack, options: OverloadOptions): Promise<OverloadFigures> {
  const { connections, seconds, perSecond, cookie, path = '/api/me' } = options;
  const agent = new Agent({ keepAlive: true, maxSockets: connections, scheduling: 'fifo' });
  const statuses: Record<string, number> = {};
  const times: number[] = [];
  let withoutRetryAfter = 0;
  let inHand = 0;
  const ask = () =>
    new Promise<number>((resolve) => {
      inHand += 1;
      const startedAt = performance.now();
      const done = (status: string) => {
        statuses[status] = (statuses[status] ?? 0) + 1;
        inHand -= 1;
        resolve(performance.now() - startedAt);
      };
      const asked = get(stack.url + path, { agent, headers: { cookie } }, (response) => {
        const { statusCode, headers } = response;
        response.resume().once('end', () => {
          if (statusCode === 200) times.push(performance.now() - startedAt);
          if (statusCode === 503 && headers['retry-after'] === undefined) withoutRetryAfter += 1;
          done(String(statusCode));
        });
        response.once('error', () => undefined);
      });
      asked.setTimeout(10_000, () => asked.destroy());
      asked.once('error', () => done('failed'));
    });
  const memory = stack.servers.map(({ name, pid }) => ({ name, before: residentOf(pid), most: 0, after: 0 }));
  const watch = setInterval(() => {
    stack.servers.forEach(({ pid }, i) => (memory[i].most = Math.max(memory[i].most, residentOf(pid))));
  }, 500);

  // First all connections at once, then the load.
  const running = Array.from({ length: connections }, ask);
  const end = performance.now() + seconds * 1_000;
  for (let sent = 0, startedAt = performance.now(); performance.now() < end; await sleep(10)) {
    const due = ((performance.now() - startedAt) / 1_000) * perSecond;
    // What this client itself cannot send in time is not sent later.
    for (; sent < due; sent += 1) if (inHand < connections * 2) running.push(ask());
  }
  await Promise.all(running);
  clearInterval(watch);
  await sleep(5_000);
  const { length } = times.sort((a, b) => a - b);
  const at = (share: number) => Math.round(times[Math.floor(length * share)] ?? 0);
  const figures = { p50: at(0.5), p99: at(0.99), longest: Math.round(times.at(-1) ?? 0), withoutRetryAfter };
  const during = { ...statuses };
  let longestAfter = 0;
  for (let i = 0; i < 50; i++) longestAfter = Math.max(longestAfter, Math.round(await ask()));
  stack.servers.forEach(({ pid }, i) => (memory[i].after = residentOf(pid)));
  agent.destroy();
  return { statuses: during, ...figures, memory, longestAfter };
}

/** Resident, in megabytes; 0 where it cannot be told. */
export function residentOf(pid: number | null): number {
  try {
    const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Math.round(Number(kilobytes ?? 0) / 1_024);
  } catch {
    return 0;
  }
}
