// What others wait while logins keep the processors busy with hashing: `GET /api/me` beside a flood of logins.
import { setTimeout as sleep } from 'node:timers/promises';
import autocannon from 'autocannon';
import { startStack } from '@roam/local-stack';
import { Counters } from './counters.ts';
import { startProcess, usableCores } from './process.mjs';

/** The queue of hashes is never empty, and takes them all. */
const FLOOD_CONNECTIONS = 40;
const READS_PER_SECOND = 100;
/** Until the compiler has done its work. */
const WARM_UP_SECONDS = 15;
/** Attempts of one account wait for each other: it takes several to keep all processors busy. */
const ACCOUNTS = 20;
const accounts = Array.from({ length: ACCOUNTS }, (_, i) => ({
  email: `bench${i}@example.org`,
  password: 'a passphrase of the benchmark',
}));

/** Milliseconds, over `rounds` of `seconds` each: what a read takes beside nothing, and beside the flood. */
export async function measureLogins({ rounds, seconds, say, onStart }) {
  const limits = { THROTTLE_LOGINS_PER_ADDRESS: '100000000', THROTTLE_LOGINS_PER_ACCOUNT: '100000000' };
  const stack = await startStack({ topology: 'single', servers: 1, env: limits, onProgress: say });
  onStart(() => stack.stop());
  const [{ url }] = stack.servers;
  const counters = new Counters(stack.databases.nodes.map(({ adminUrl }) => adminUrl));
  onStart(() => counters.close());
  const cookies = [];
  for (const account of accounts) cookies.push(await register(url, account));
  const [cookie] = cookies;
  const readers = await startProcess('reads.mjs', { cores: usableCores() });
  onStart(() => readers.stop());
  const read = (duration) =>
    readers.ask('read', { url: `${url}/api/me`, cookie, perSecond: READS_PER_SECOND, seconds: duration });
  await read(WARM_UP_SECONDS);
  const results = [];
  for (let round = 1; round <= rounds; round++) {
    const alone = await read(seconds);
    let next = 0;
    const counted = await counters.read();
    const flood = autocannon({
      url: `${url}/api/login`,
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: new URL(url).origin },
      setupClient: (client) => client.setBody(JSON.stringify(accounts[next++ % ACCOUNTS])),
      connections: FLOOD_CONNECTIONS,
      duration: seconds + 2,
    });
    await sleep(1_000);
    const beside = await read(seconds);
    const logins = await flood;
    const { statements, commits } = await counters.read();
    const result = {
      alone,
      beside,
      loginsPerSecond: logins['2xx'] / logins.duration,
      refusedPerSecond: logins.non2xx / logins.duration,
      statementsPerLogin: (statements - counted.statements) / logins['2xx'],
      commitsPerLogin: (commits - counted.commits) / logins['2xx'],
    };
    say(
      `round ${round} of ${rounds}: a read p99 ${result.alone.p99} ms alone, ${result.beside.p99} ms during ` +
        `${result.loginsPerSecond.toFixed(0)} sign-ins/s (and ${result.refusedPerSecond.toFixed(0)}/s refused), of ` +
        `${(100 * result.commitsPerLogin).toFixed(0)} commits per 100`,
    );
    results.push(result);
  }
  return results;
}

/** A signed-in browser's cookies. */
async function register(url, account) {
  const response = await fetch(`${url}/api/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: new URL(url).origin },
    body: JSON.stringify({ ...account, name: 'Bench' }),
  });
  if (response.status !== 201)
    throw new Error(`POST ${url}/api/register failed: ${response.status} ${await response.text()}`);
  return response.headers
    .getSetCookie()
    .map((each) => each.split(';')[0])
    .join('; ');
}
