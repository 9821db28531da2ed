// The benchmark: what a session costs beside the least that MySQL could cost, in interleaved rounds.
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startDatabases } from '@roam/local-stack';
import { measureLogins } from './logins.mjs';
import { pin, startProcess, usableCores } from './process.mjs';
import { summarize, table } from './report.mjs';

const VARIANTS = ['bare', 'limit', 'mysql'];
const ACTIONS = ['read', 'change'];
const TOPOLOGIES = ['single', 'multi-primary', 'single-primary', 'replicas'];
const SESSIONS = 1000;
/** Until the compiler has done its work. */
const WARM_UP_REQUESTS = 3000;
const RESULTS = fileURLToPath(new URL('results/', import.meta.url));

const HELP = `Measures what a session costs. One web server on one processor core answers the same Nest route in several variants.
The load and MySQL run on the other cores; the load uses ${SESSIONS} sessions in rotation.

  bare    no session at all
  limit   one prepared SELECT by primary key and JSON.parse (for a change also one UPDATE), without a session library
  mysql   roam's session module with its mysql method

Usage: npm run bench -- [flags]

  --rounds N        number of rounds; every variant is measured once per round and action (default 5)
  --seconds N       seconds per measurement (default 4)
  --topology NAME   ${TOPOLOGIES.join(', ')} (default single: one MySQL server)
  --variants LIST   any of ${VARIANTS.join(',')} (default all)
  --actions LIST    any of ${ACTIONS.join(',')} (default both)
  --logins          instead, measure how long reads of the whole app wait while many passwords are hashed; use it with
                    --seconds 15, so that one pause of the machine does not decide the 99th percentile
  --cpu-prof        write a CPU profile of each web server, for Chrome's developer tools
  --help            print this text

The results are also written to test/bench/results/.`;

class UsageError extends Error {}

function parseFlags(args) {
  const options = Object.fromEntries(
    ['rounds', 'seconds', 'topology', 'variants', 'actions'].map((name) => [name, { type: 'string' }]),
  );
  let values;
  try {
    ({ values } = parseArgs({
      args,
      options: { ...options, logins: { type: 'boolean' }, 'cpu-prof': { type: 'boolean' }, help: { type: 'boolean' } },
    }));
  } catch (error) {
    throw new UsageError(error.message);
  }
  const number = (name, fallback) => {
    const text = values[name] ?? String(fallback);
    if (!/^[1-9]\d{0,3}$/.test(text))
      throw new UsageError(`--${name} must be a whole number from 1 to 9999, not "${text}"`);
    return Number(text);
  };
  const some = (name, all) => {
    const chosen = values[name]?.split(',') ?? all;
    const unknown = chosen.find((each) => !all.includes(each));
    if (unknown !== undefined) throw new UsageError(`--${name} must be any of ${all.join(',')}, not "${unknown}"`);
    return chosen;
  };
  const [topology, another] = some('topology', TOPOLOGIES);
  if (values.topology && another) throw new UsageError(`--topology takes one name, not "${values.topology}"`);
  return {
    help: values.help ?? false,
    rounds: number('rounds', 5),
    seconds: number('seconds', 4),
    topology,
    variants: some('variants', VARIANTS),
    actions: some('actions', ACTIONS),
    logins: values.logins ?? false,
    profile: values['cpu-prof'] ?? false,
  };
}

const began = performance.now();
function say(message) {
  console.error(`${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s  ${message}`);
}

/** What must be ended, the latest first. */
const running = [];
let ending = false;

async function end(code) {
  if (ending) process.exit(code);
  ending = true;
  for (const stop of running.reverse()) await stop();
  process.exit(code);
}

/** The servers by variant, their sessions made, and the load. */
async function start({ topology, variants, profile }) {
  const [webCore, ...otherCores] = usableCores();
  const separate = otherCores.length > 0;
  if (!separate) say('taskset is missing, or there is one core only: web server, load and MySQL share all cores');
  const databases = await startDatabases({ count: topology === 'single' ? 1 : 3, topology, onProgress: say });
  running.push(() => databases.stop());
  for (const { pid } of databases.nodes) pin(pid, otherCores);
  const load = await startProcess('load.mjs', { cores: otherCores });
  running.push(() => load.stop());
  const servers = new Map();
  for (const variant of variants) {
    say(`starting the web server "${variant}" and creating its ${SESSIONS} sessions`);
    const server = await startProcess('server.mjs', {
      cores: separate ? [webCore] : [],
      args: [variant, ...databases.urls],
      nodeArgs: profile ? ['--cpu-prof', `--cpu-prof-dir=${RESULTS}`, `--cpu-prof-name=${variant}.cpuprofile`] : [],
    });
    running.push(() => server.stop());
    const url = await server.ask('url');
    await load.ask('makeSessions', { url, amount: SESSIONS });
    servers.set(variant, { url, ask: server.ask });
  }
  return { load, servers };
}

async function measure({ load, servers }, { variant, action }, length) {
  const { url, ask } = servers.get(variant);
  const before = await ask('cpu');
  const result = await load.ask('measure', { url, action, ...length });
  return { variant, action, ...result, cpu: (await ask('cpu')) - before };
}

async function run(options) {
  const { rounds, seconds, variants, actions, topology } = options;
  const stand = await start(options);
  const turns = actions.flatMap((action) => variants.map((variant) => ({ variant, action })));
  say('warming up');
  for (const turn of turns) await measure(stand, turn, { amount: WARM_UP_REQUESTS });
  const measured = [];
  for (let round = 1; round <= rounds; round++) {
    const results = [];
    // Every other round backward: what the machine does meanwhile hits no variant more than another.
    for (const turn of round % 2 === 1 ? turns : turns.toReversed()) {
      const result = await measure(stand, turn, { duration: seconds });
      const rate = Math.round(result.requests / result.seconds);
      say(`round ${round} of ${rounds}: ${turn.action} ${turn.variant} ${rate} requests/s`);
      results.push(result);
    }
    measured.push(results);
  }
  const lines = summarize(measured, turns);
  console.log(`\n${table(lines)}\n`);
  save({ topology, rounds, seconds, sessions: SESSIONS, lines, measured });
}

async function runLogins({ rounds, seconds }) {
  const results = await measureLogins({ rounds, seconds, say, onStart: (stop) => running.push(stop) });
  const worst = (side) => Math.max(...results.map((each) => each[side].p99));
  console.log(
    `\nGET /api/me, p99 of the worst round: ${worst('alone')} ms alone, ${worst('beside')} ms during sign-ins\n`,
  );
  save({ logins: true, rounds, seconds, results });
}

function save(results) {
  mkdirSync(RESULTS, { recursive: true });
  const date = new Date();
  const file = `${RESULTS}${date.toISOString().slice(0, 19).replaceAll(':', '-')}.json`;
  const machine = { node: process.version, cpu: cpus()[0]?.model, cores: cpus().length };
  writeFileSync(file, `${JSON.stringify({ date, machine, ...results }, null, 2)}\n`);
  say(`results written to ${file}`);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => {
    if (!ending) say('stopping');
    void end(130);
  });
try {
  const options = parseFlags(process.argv.slice(2));
  if (options.help) console.log(HELP);
  else await (options.logins ? runLogins(options) : run(options));
  await end(0);
} catch (error) {
  if (!ending) {
    const usage = error instanceof UsageError;
    console.error(usage ? `${error.message}\n\nRun "npm run bench -- --help" for a list of the flags.` : error);
    await end(usage ? 2 : 1);
  }
}
