// The demo: starts the stack, walks a user across its servers, reports, and keeps serving.
import { writeFileSync } from 'node:fs';
import { stderr, stdout } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { leaderOf, StackError, startStack, type Stack, type StackProcess } from '@roam/local-stack';
import { resolve } from 'node:path';
import { compare, comparisonTable, rowOf, type Comparison, type Row } from './comparison.js';
import { maxPathBytes, openControl } from './control.js';
import { costsOf, type Costs } from './cost.js';
import { FlagError, HELP, parseFlags, type DemoFlags } from './flags.js';
import { methodVariants, type MethodVariant } from './method-variants.js';
import { table, type Report, type Step } from './report.js';
import { ADMIN_SETTINGS, environmentFile, removeFile, stateOf, writePrivately } from './state.js';
import { answersHttp, supervise } from './supervise.js';
import { walk, type WalkResult } from './walk.js';

/** How often the leader is looked for. Milliseconds. */
const LOOK_MS = 1_000;

/** Where the web servers pass on what is pressed on their page; not used when the path is too long for a socket. */
const controlPath = resolve(`.roam/control/${process.pid}`);
const hasControl = Buffer.byteLength(controlPath) <= maxPathBytes;

const started = performance.now();
function say(message: string): void {
  stderr.write(`${((performance.now() - started) / 1000).toFixed(1).padStart(5)} s  ${message}\n`);
}

let stack: Stack | undefined;
let stopSupervising: (() => Promise<void>) | undefined;
let closeControl: (() => void) | undefined;
let ending = false;

/** Ends everything in order; a second signal, or one while the stack is starting, ends it at once. */
async function end(code: number, flags: DemoFlags): Promise<never> {
  if (ending || !stack) process.exit(code);
  ending = true;
  closeControl?.();
  await stopSupervising?.();
  await stack.stop();
  removeFile(flags.state);
  removeFile(ADMIN_SETTINGS);
  process.exit(code);
}

async function writeState(running: Stack, method: string, { state }: DemoFlags): Promise<void> {
  writePrivately(state, `${JSON.stringify(await stateOf(running, method), null, 2)}\n`);
}

/** The web servers by name, the databases by name and by address. */
function processesOf({ servers, databases }: Stack): Map<string, StackProcess> {
  return new Map<string, StackProcess>([
    ...servers.map((server) => [server.name, server] as const),
    ...databases.nodes.flatMap((node) => [[node.name, node] as const, [`${node.host}:${node.port}`, node] as const]),
  ]);
}

function where({ name, pid, container }: StackProcess): string {
  return container === undefined ? `${name} (pid ${pid})` : `${name} (container ${container})`;
}

/** What the walk killed is started again before the site is used further. */
async function restore({ killed, report }: WalkResult, running: Stack, flags: DemoFlags): Promise<void> {
  await Promise.all(
    killed.map(async (target) => {
      say(`restoring ${target.name}`);
      await target.start();
      say(`${target.name} is restored`);
    }),
  );
  await writeState(running, report.method, flags);
}

/** Starts the stack with this session method and walks a user across it. */
async function walkOn(
  { label, method, direction = 'both-ways' }: MethodVariant,
  flags: DemoFlags,
  before?: (running: Stack) => Promise<void>,
): Promise<WalkResult> {
  const { servers, databases, topology, port, kill } = flags;
  const env = {
    SESSION_METHOD: method,
    SYNC_DIRECTION: direction,
    ...(hasControl && { DEMO_SOCKET: controlPath }),
  };
  stack = await startStack({ servers, databases, topology, port, env, onProgress: say });
  await writeState(stack, method, flags);
  writePrivately(ADMIN_SETTINGS, environmentFile(stack.settings));
  await before?.(stack);
  say(`the stack is ready at ${stack.url}: one user now visits every web server (session method ${label})`);
  const onStep = (step: Step) => {
    if (step.status === null) say(step.name);
  };
  const result = await walk(stack, { method, kill, onStep });
  await writeState(stack, method, flags);
  return result;
}

/** Walks every method in turn; the last one's stack is left running. */
async function walkAll(flags: DemoFlags): Promise<{ last: WalkResult; comparison: Comparison }> {
  const reports: Report[] = [];
  const rows: Row[] = [];
  let last: WalkResult | undefined;
  const variants = methodVariants(flags.servers);
  for (const variant of variants) {
    say(`method ${variant.label}, ${rows.length + 1} of ${variants.length}`);
    await stack?.stop();
    stack = undefined;
    let costs: Costs | undefined;
    last = await walkOn(variant, flags, async (running) => {
      costs = await costsOf(running, variant.method);
    });
    reports.push(last.report);
    rows.push(rowOf(last, costs!, variant.label));
    if (!last.report.ok) stdout.write(table(last.report, stdout.isTTY));
  }
  return { last: last!, comparison: compare(reports, rows) };
}

/** Another web server may lead at any time: the state file says which one does. */
async function followLeader(running: Stack, flags: DemoFlags): Promise<void> {
  for (let last = await leaderOf(running); !ending; await sleep(LOOK_MS, undefined, { ref: false })) {
    const leader = await leaderOf(running);
    if (leader !== last && !ending) await writeState(running, 'sync', flags);
    last = leader;
  }
}

async function run(flags: DemoFlags): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      stderr.write('\nstopping the stack\n');
      void end(signal === 'SIGINT' && stack ? 0 : 130, flags);
    });
  let result: WalkResult;
  let report: Report;
  if (flags.method === 'all') {
    const all = await walkAll(flags);
    result = all.last;
    report = all.comparison;
    stdout.write(comparisonTable(all.comparison, stdout.isTTY));
  } else {
    const { method, direction } = flags;
    result = await walkOn({ label: method, method, direction }, flags);
    report = result.report;
    stdout.write(table(report, stdout.isTTY));
  }
  if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(report, null, 2)}\n`);
  if (flags.exit) await end(report.ok ? 0 : 1, flags);

  const running = stack!;
  stdout.write(`Open ${running.url} and register. Each web server also answers at ${running.url}/_server/NAME/\n`);
  stdout.write(`  servers    ${running.servers.map(where).join(', ')}\n`);
  stdout.write(`  databases  ${running.databases.nodes.map(where).join(', ')}\n`);
  stdout.write(`  state      ${flags.state}\n`);
  stdout.write('Kill any of these processes and keep using the site. Press Ctrl-C to stop everything.\n');
  stopSupervising = supervise({
    process: running.nginx,
    answers: answersHttp(`${running.url}/healthz`),
    onRestart: (reason) => say(`nginx ${reason}: restarting it`),
  });
  if (hasControl)
    closeControl = await openControl(controlPath, {
      processes: () => processesOf(running),
      say,
      onChange: () => writeState(running, result.report.method, flags),
    });
  if (flags.direction !== 'both-ways') void followLeader(running, flags);
  if (result.killed.length > 0) await restore(result, running, flags);
}

try {
  const flags = parseFlags(process.argv.slice(2));
  if (flags === 'help') stdout.write(`${HELP}\n`);
  else await run(flags);
} catch (error) {
  if (error instanceof FlagError) {
    stderr.write(`${error.message}\n\nRun "npm run demo -- --help" for a list of the flags.\n`);
    process.exitCode = 2;
  } else if (error instanceof StackError) {
    stderr.write(`\n${error.message}\n`);
    if (error.code === 'port_in_use') stderr.write('To use any free port, run: npm run demo -- --port 0\n');
    process.exit(1);
  } else {
    throw error;
  }
}
