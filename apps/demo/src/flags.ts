// The demo's command line: read, checked, explained.
import { parseArgs } from 'node:util';
import type { Topology } from '@roam/local-stack';

export interface DemoFlags {
  readonly method: string;
  readonly servers: number;
  readonly databases: number;
  readonly topology: Topology;
  readonly port: number;
  readonly kill: boolean;
  readonly exit: boolean;
  readonly json: string | undefined;
  readonly state: string;
}

/** Thrown with every fault of the command line at once. */
export class FlagError extends Error {
  readonly code = 'bad_flags';
  constructor(readonly faults: readonly string[]) {
    super(faults.join('\n'));
    this.name = 'FlagError';
  }
}

export const METHODS: readonly string[] = ['cookie', 'sync', 'file', 'mysql'];
const CHOICES: readonly string[] = [...METHODS, 'all'];
const TOPOLOGIES: readonly Topology[] = ['multi-primary', 'single-primary', 'replicas', 'single'];

export const HELP = `Starts the stack on this machine (MySQL servers, web servers, nginx) and walks a user across its servers.

Usage: npm run demo -- [flags]

  --method NAME      the session method: cookie, sync, file or mysql (default mysql); with all each is walked in turn,
                     kills included, and one table compares them
  --servers N        web servers, 1 to 20 (default 3)
  --databases N      MySQL servers, 1 to 9 (default 3; with --topology single 1)
  --topology NAME    how they replicate: multi-primary, single-primary, replicas or single (default multi-primary)
  --port P           nginx's port; 0 takes a free one (default 8080)
  --kill             the walk also kills a web server and a MySQL server with -9 and goes on
  --exit             stop after the walk; exit 0 only if every step held
  --json FILE        write the report as JSON
  --state FILE       while it runs, where everything is (default .roam/demo.json)
  --help             this text

Without --exit it keeps serving until Ctrl-C.`;

/** Throws `FlagError`; `'help'` when help was asked for. */
export function parseFlags(args: readonly string[]): DemoFlags | 'help' {
  const faults: string[] = [];
  const values = parse(args);
  if (values.help) return 'help';

  const number = (name: 'servers' | 'databases' | 'port', fallback: number, least: number, most: number): number => {
    const text = values[name];
    if (text === undefined) return fallback;
    if (/^\d{1,6}$/.test(text) && Number(text) >= least && Number(text) <= most) return Number(text);
    faults.push(`--${name} must be a whole number from ${least} to ${most}, not "${text}"`);
    return fallback;
  };

  const method = values.method ?? 'mysql';
  if (!CHOICES.includes(method)) faults.push(`--method must be one of ${CHOICES.join(', ')}, not "${method}"`);

  const topology = TOPOLOGIES.find((name) => name === (values.topology ?? 'multi-primary')) ?? 'multi-primary';
  if (values.topology !== undefined && values.topology !== topology)
    faults.push(`--topology must be one of ${TOPOLOGIES.join(', ')}, not "${values.topology}"`);

  const servers = number('servers', 3, 1, 20);
  const databases = number('databases', topology === 'single' ? 1 : 3, 1, 9);
  if (topology === 'single' && databases !== 1)
    faults.push('--topology single has one MySQL server: leave out --databases');
  const grouped = topology === 'multi-primary' || topology === 'single-primary';
  const survivors = grouped ? 3 : 2;
  const kill = values.kill === true || method === 'all';
  const asking = values.kill ? '--kill' : '--method all';
  if (kill && servers < 2) faults.push(`${asking} needs at least 2 web servers`);
  if (kill && databases < survivors)
    faults.push(
      `${asking} needs at least ${survivors} MySQL servers${grouped ? ' (a majority must live)' : ' (--topology replicas)'}`,
    );

  const port = number('port', 8080, 0, 65_535);
  if (faults.length > 0) throw new FlagError(faults);
  return {
    method,
    servers,
    databases,
    topology,
    port,
    kill,
    exit: values.exit ?? false,
    json: values.json,
    state: values.state ?? '.roam/demo.json',
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: false,
      options: {
        method: { type: 'string' },
        servers: { type: 'string' },
        databases: { type: 'string' },
        topology: { type: 'string' },
        port: { type: 'string' },
        kill: { type: 'boolean' },
        exit: { type: 'boolean' },
        json: { type: 'string' },
        state: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    throw new FlagError([(error as Error).message]);
  }
}
