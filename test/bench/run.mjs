// The benchmark: what a session costs beside the least that MySQL could cost and beside other libraries.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem, type } from 'node:os';
import { dirname } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { turnsOf } from './catalog.ts';
import { HELP, parseFlags, SESSIONS, UsageError, WHOLE } from './flags.ts';
import { measureGrowth } from './growth/run-growth.mjs';
import { guard } from './guard.ts';
import { installPeers } from './install-peers.mjs';
import { measureLogins } from './logins.mjs';
import { plotFile, plotOf, withResults } from './page.ts';
import { fromCsv, table, toCsv } from './report.ts';
import { Stand } from './stand.mjs';
import { ratiosOf, summarize } from './summary.ts';

/** Of each turn, until the compiler has done most of its work. */
const WARM_UP_SECONDS = 0.3;
/** Whose cost is counted request by request, for `--guard`, and in how many requests. */
const COUNTED_ACTIONS = ['read', 'change', 'login'];
const COUNTED_REQUESTS = 250;
const RESULTS = fileURLToPath(new URL('results/', import.meta.url));
const EXPECTED = new URL('expected.json', import.meta.url);
const DOCS = fileURLToPath(new URL('../../docs/', import.meta.url));

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

class VoidError extends Error {}
class UnexpectedError extends Error {}

function voidOnError({ variant, action }, measuring) {
  return measuring.catch((error) => {
    // The rest is where the load stood.
    const [message] = error.message.replace(/^Error: /, '').split('\n');
    throw new VoidError(`${variant}, ${action}: ${message}`, { cause: error });
  });
}

/** What one topology measured, and what it ran on. */
async function runTopology(topology, { rounds, seconds, variantsOf, actions, profile, durable, guard }) {
  const variants = variantsOf(topology);
  const turns = turnsOf(variants, actions);
  const stand = new Stand({ topology, variants, actions, profile, durable, say });
  const stop = () => stand.stop();
  running.push(stop);
  await stand.start();
  const counts = guard && topology === 'single' ? await countEach(stand, variants) : [];
  say('warming up');
  for (const turn of turns) await voidOnError(turn, stand.warmUp(turn, WARM_UP_SECONDS));
  const samples = [];
  for (let round = 1; round <= rounds; round++)
    // Every other round backward: what the machine does meanwhile hits no variant more than another.
    for (const turn of round % 2 === 1 ? turns : turns.toReversed()) {
      await voidOnError(turn, stand.prepare(turn));
      const sample = await voidOnError(turn, stand.measure(turn, seconds));
      const rate = Math.round(sample.requests / sample.seconds);
      say(`${topology}, round ${round} of ${rounds}: ${turn.action} ${turn.variant} ${rate} requests/s`);
      samples.push({ round, ...sample });
    }
  say('looking at every session once more');
  // A change that was answered and lost shows when its session is read.
  for (const action of ['large', actions.find((each) => each !== 'large')])
    for (const turn of turns.filter((each) => each.action === action)) await voidOnError(turn, stand.prepare(turn));
  const settings = await stand.settings();
  running.splice(running.indexOf(stop), 1);
  await stand.stop();
  return { samples, settings, counts };
}

async function countEach(stand, variants) {
  say(`counting what requests cost one by one, ${COUNTED_REQUESTS} of each`);
  const counts = [];
  for (const turn of turnsOf(
    variants.filter(({ kind }) => kind === 'roam'),
    COUNTED_ACTIONS,
  ))
    counts.push(await voidOnError(turn, stand.count(turn, COUNTED_REQUESTS)));
  return counts;
}

async function measure(options) {
  const samples = [];
  const counts = [];
  let settings;
  for (const topology of options.topologies) {
    const result = await runTopology(topology, options);
    samples.push(...result.samples);
    counts.push(...result.counts);
    settings = { ...settings, ...result.settings };
  }
  return { samples, counts, settings, lines: summarize(samples) };
}

async function run(options) {
  const { topologies, rounds, seconds, durable, json } = options;
  assertFolderOf(json);
  if (topologies.some((each) => options.variantsOf(each).some(({ kind, needsRedis }) => kind === 'peer' || needsRedis)))
    installPeers(say);
  const first = await measure(options);
  const { samples, settings, lines, counts } = first;
  for (const topology of topologies) {
    console.log(`\n${topology}\n`);
    console.log(table(lines.filter((line) => line.topology === topology)));
  }
  const machine = machineWith({ ...settings, sessions: SESSIONS, rounds, seconds, durable });
  save({ lines, samples, counts }, machine);
  if (options.writeDocs) writeDocs(machine, lines, samples);
  if (json !== undefined) {
    writeFileSync(json, `${JSON.stringify({ machine, ratios: ratiosOf(lines) }, null, 2)}\n`);
    say(`ratios written to ${json}`);
  }
  if (options.guard) await expectAsBefore(first, options);
}

/** @throws UnexpectedError when this run is not as `--guard` demands */
async function expectAsBefore(first, options) {
  const only = (names) => (topology) => options.variantsOf(topology).filter(({ name }) => names.includes(name));
  // As long as for the table: what runs for a moment only is slower, and more so where there is more of it.
  const again = (names) => measure({ ...options, ...WHOLE, guard: false, variantsOf: only(names) });
  const expected = {
    counts: JSON.parse(readFileSync(EXPECTED, 'utf8')),
    table: summarize(fromCsv(readFileSync(`${DOCS}performance.csv`, 'utf8'))),
  };
  const unexpected = await guard(async (names) => (names ? again(names) : first), expected, say);
  if (unexpected.length > 0) throw new UnexpectedError(unexpected.join('\n'));
  say('all is as expected');
}

function writeDocs(machine, lines, samples) {
  const page = `${DOCS}performance.md`;
  writeFileSync(page, withResults(readFileSync(page, 'utf8'), new Date(), machine, lines));
  for (const topology of new Set(lines.map((line) => line.topology))) {
    const own = lines.filter((line) => line.topology === topology);
    writeFileSync(`${DOCS}images/${plotFile(topology)}`, plotOf(topology, own));
  }
  writeFileSync(`${DOCS}performance.csv`, toCsv(samples));
  say('docs/performance.md, its plots and docs/performance.csv are written');
}

async function runGrowth({ methods, sizesOf, rounds, durable, json }) {
  assertFolderOf(json);
  const results = await measureGrowth({
    methods,
    sizesOf,
    rounds,
    durable,
    say,
    onStart: (stop) => running.push(stop),
  });
  const machine = machineWith({ rounds, durable });
  save({ growth: true, results }, machine);
  if (json !== undefined) writeFileSync(json, `${JSON.stringify({ machine, growth: results }, null, 2)}\n`);
}

/** Before hours of measuring. */
function assertFolderOf(json) {
  if (json !== undefined && !existsSync(dirname(json)))
    throw new UsageError(`--json ${json}: there is no folder ${dirname(json)}`);
}

async function runLogins({ rounds, seconds }) {
  const results = await measureLogins({ rounds, seconds, say, onStart: (stop) => running.push(stop) });
  const worst = (side) => Math.max(...results.map((each) => each[side].p99));
  console.log(
    `\nGET /api/me, p99 of the worst round: ${worst('alone')} ms alone, ${worst('beside')} ms during sign-ins\n`,
  );
  save({ logins: true, results }, machineWith({ rounds, seconds }));
}

function machineWith(settings) {
  const [{ model } = {}, { length }] = [cpus()[0], cpus()];
  return { cpu: model, cores: length, memoryBytes: totalmem(), system: type(), node: process.version, ...settings };
}

function save(results, machine) {
  mkdirSync(RESULTS, { recursive: true });
  const date = new Date();
  const file = `${RESULTS}${date.toISOString().slice(0, 19).replaceAll(':', '-')}.json`;
  writeFileSync(file, `${JSON.stringify({ date, machine, ...results }, null, 2)}\n`);
  say(`all samples written to ${file}`);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => {
    if (!ending) say('stopping');
    void end(130);
  });
try {
  const options = parseFlags(process.argv.slice(2));
  if (options.help) console.log(HELP);
  else if (options.growth) await runGrowth(options);
  else await (options.logins ? runLogins(options) : run(options));
  await end(0);
} catch (error) {
  if (!ending) {
    if (error instanceof UsageError) {
      console.error(`${error.message}\n\nRun "npm run bench -- --help" for a list of the flags.`);
    } else if (error instanceof VoidError) {
      console.error(`\nThis run is void: ${error.message}`);
    } else if (error instanceof UnexpectedError) {
      console.error(`\nNot as expected:\n${error.message}`);
    } else {
      console.error(error);
    }
    await end(error instanceof UsageError ? 2 : 1);
  }
}
