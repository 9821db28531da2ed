// The command line of the benchmark.
import { parseArgs } from 'node:util';
import { ACTION_NAMES, ACTIONS, TOPOLOGIES, VARIANTS, type Action, type Topology, type Variant } from './catalog.js';

export const SESSIONS = 1000;
/** How long everything is measured, unless flags say otherwise; so the figures of docs/performance.md were measured. */
export const WHOLE = { rounds: 3, seconds: 1 };
/** What is measured where there are few sessions and where there are many. */
const GROWTH_METHODS = ['mysql', 'file', 'sync'] as const;
export type GrowthMethod = (typeof GROWTH_METHODS)[number];
const DEFAULT_SIZES = [10_000, 1_000_000, 10_000_000];
const GREATEST_SIZE: Record<GrowthMethod, number> = { mysql: 100_000_000, file: 1_000_000, sync: 1_000_000 };

const lines = (entries: readonly (readonly [string, string])[], width: number) =>
  entries.map(([name, about]) => `  ${name.padEnd(width)}  ${about}`).join('\n');

export const HELP = `Measures what a session costs. One web server on one processor core answers the same Nest routes in several variants.
The load and the databases run on the other cores; the load uses ${SESSIONS} sessions in rotation and checks each answer: a run
with a failed or stale one is void.

Variants:
${lines(
  VARIANTS.map(({ name, about }) => [name, about]),
  33,
)}

Actions:
${lines(Object.entries(ACTIONS), 8)}

Usage: npm run bench -- [flags]

  --quick           read, change and mixed with one MySQL server, in two minutes
  --rounds N        number of rounds; everything is measured once per round (default ${WHOLE.rounds}; quick 1)
  --seconds N       seconds per measurement (default ${WHOLE.seconds}; quick 0.5)
  --topology LIST   any of ${TOPOLOGIES.join(',')}
                    (default single,multi-primary; quick single)
  --variants LIST   any of the variants (default all)
  --actions LIST    any of the actions (default all; quick read,change,mixed)
  --durable         each commit is flushed to MySQL's disk
  --guard           roam's own variants and what they are compared with: fails when a request's statements, commits or
                    writes are not those of test/bench/expected.json, or when three runs agree that a ratio is more than
                    a third below the one of docs/performance.md; needs neither Redis nor the other libraries
  --json FILE       write the machine and the ratios to a file, too
  --write-docs      write the plots, the tables and the samples of docs/performance.md
  --logins          instead, measure how long reads of the whole app wait while many passwords are hashed; use it with
                    --seconds 15, so that one pause of the machine does not decide the 99th percentile
  --growth          instead, measure what a session costs among few and among millions (docs/sizing.md), in about an hour;
                    it needs 30 GB of disk and 12 GB of memory
  --sizes LIST      with --growth: numbers of sessions (default ${DEFAULT_SIZES.join(',')}; of file and sync
                    those up to ${GREATEST_SIZE.file})
  --methods LIST    with --growth: any of ${GROWTH_METHODS.join(',')} (default all)
  --cpu-prof        write a CPU profile of each web server, for Chrome's developer tools
  --help            print this text

All samples are written to test/bench/results/.
Exit code: 0 measured, 1 void, failed or not as expected, 2 a wrong argument.`;

export class UsageError extends Error {}

export interface Options {
  readonly help: boolean;
  readonly rounds: number;
  readonly seconds: number;
  readonly topologies: readonly Topology[];
  readonly actions: readonly Action[];
  /** Of this topology. */
  readonly variantsOf: (topology: Topology) => readonly Variant[];
  readonly durable: boolean;
  readonly guard: boolean;
  readonly json: string | undefined;
  readonly writeDocs: boolean;
  readonly logins: boolean;
  readonly growth: boolean;
  readonly methods: readonly GrowthMethod[];
  /** How many sessions, of this method. */
  readonly sizesOf: (method: GrowthMethod) => readonly number[];
  readonly profile: boolean;
}

/** @throws UsageError with what is wrong */
export function parseFlags(args: readonly string[]): Options {
  const values = valuesOf(args);
  const number = (name: 'rounds' | 'seconds', pattern: RegExp, rule: string, fallback: number) => {
    const text = values[name] ?? String(fallback);
    if (!pattern.test(text) || Number(text) === 0) throw new UsageError(`--${name} must be ${rule}, not "${text}"`);
    return Number(text);
  };
  const some = <T extends string>(
    name: 'topology' | 'variants' | 'actions' | 'methods',
    all: readonly T[],
  ): T[] | undefined => {
    const chosen = values[name]?.split(',');
    const unknown = chosen?.find((each) => !all.includes(each as T));
    if (unknown !== undefined) throw new UsageError(`--${name} must be any of ${all.join(',')}, not "${unknown}"`);
    return chosen as T[] | undefined;
  };
  const quick = values.quick ?? false;
  const names = some(
    'variants',
    VARIANTS.map(({ name }) => name),
  );
  const sizes = sizesIn(values.sizes);
  const guard = values.guard ?? false;
  const isGuarded = ({ kind, needsRedis }: Variant) => kind !== 'peer' && !needsRedis;
  const chosen = VARIANTS.filter((variant) => names?.includes(variant.name) ?? (!guard || isGuarded(variant)));
  return {
    help: values.help ?? false,
    rounds: number('rounds', /^\d{1,4}$/, 'a whole number from 1 to 9999', quick ? 1 : WHOLE.rounds),
    seconds: number(
      'seconds',
      /^\d{1,4}(\.\d+)?$/,
      'a number above 0, below 10000',
      values.logins ? 4 : quick ? 0.5 : WHOLE.seconds,
    ),
    topologies: some('topology', TOPOLOGIES) ?? (quick ? ['single'] : ['single', 'multi-primary']),
    actions: some('actions', ACTION_NAMES) ?? (quick ? ['read', 'change', 'mixed'] : ACTION_NAMES),
    variantsOf: (topology) =>
      topology === 'single' || names !== undefined ? chosen : chosen.filter(({ inGroup }) => inGroup),
    durable: values.durable ?? false,
    guard,
    json: values.json,
    writeDocs: values['write-docs'] ?? false,
    logins: values.logins ?? false,
    growth: values.growth ?? false,
    methods: some('methods', GROWTH_METHODS) ?? GROWTH_METHODS,
    sizesOf: (method) => sizes.filter((size) => size <= GREATEST_SIZE[method]),
    profile: values['cpu-prof'] ?? false,
  };
}

/** Upward, so that each is compared with the smallest. */
function sizesIn(list: string | undefined): readonly number[] {
  if (list === undefined) return DEFAULT_SIZES;
  const sizes = list.split(',');
  const wrong = sizes.find((size) => !/^[1-9]\d{3,7}$/.test(size));
  if (wrong !== undefined) throw new UsageError(`--sizes must be whole numbers from 1000 to 99999999, not "${wrong}"`);
  return sizes.map(Number).sort((one, other) => one - other);
}

function valuesOf(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        ...{ rounds: text, seconds: text, topology: text, variants: text, actions: text, json: text },
        ...{ sizes: text, methods: text, growth: flag },
        ...{ quick: flag, durable: flag, 'write-docs': flag, logins: flag, guard: flag, 'cpu-prof': flag, help: flag },
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
