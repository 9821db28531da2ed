// What a signed-in request asks of the place that keeps the sessions, by the servers' own metrics.
import { randomBytes, randomUUID } from 'node:crypto';
import type { Stack } from '@roam/local-stack';
import { Browser } from './browser.js';

/** Calls that leave the web server, per request. */
export interface Cost {
  readonly reads: number;
  readonly writes: number;
}

export interface Costs {
  /** A page that changes nothing. */
  readonly look: Cost;
  /** A change of the cart. */
  readonly change: Cost;
}

const REQUESTS = 30;
const WRITES = ['create', 'update', 'touch', 'destroy'];

/** Measures as one user on all servers in turn; nobody else may use the site meanwhile. */
export async function costsOf(stack: Stack, method: string): Promise<Costs> {
  const browser = new Browser();
  const server = (i: number) => stack.servers[i % stack.servers.length];
  const email = `meter-${randomUUID().slice(0, 8)}@example.org`;
  const account = { email, password: randomBytes(12).toString('base64url'), name: 'Meter' };
  await browser.request('POST', `${server(0).url}/api/register`, account);
  const measure = async (request: (i: number) => Promise<unknown>): Promise<Cost> => {
    const before = await operations(stack);
    for (let i = 0; i < REQUESTS; i++) await request(i);
    const after = await operations(stack);
    const perRequest = (name: string) => ((after[name] ?? 0) - (before[name] ?? 0)) / REQUESTS;
    // `sync` reads its own memory, and a cookie brings the session along and takes it away again.
    const reads = method === 'sync' || method === 'cookie' ? 0 : perRequest('find');
    const writes = method === 'cookie' ? 0 : WRITES.map(perRequest).reduce((sum, count) => sum + count, 0);
    return { reads, writes };
  };
  const look = await measure((i) => browser.request('GET', `${server(i).url}/api/me`));
  const change = await measure((i) =>
    browser.request('PUT', `${server(i).url}/api/cart/apple`, { quantity: 1 + (i % 9) }),
  );
  return { look, change };
}

/** The counters of all servers together, by operation. */
async function operations(stack: Stack): Promise<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const { metricsUrl } of stack.servers) {
    const text = await (await fetch(`${metricsUrl}/metrics`)).text();
    for (const [, name = '', count] of text.matchAll(/^roam_session_operations_total\{operation="(\w+)"\} (\d+)$/gm))
      sums[name] = (sums[name] ?? 0) + Number(count);
  }
  return sums;
}
