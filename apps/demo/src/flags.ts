// The demo's command line: read, checked, explained.
import { parseArgs } from 'node:util';
import type { Topology } from '@roam/local-stack';
import { serverNames } from './method-variants.js';

export interface DemoFlags {
  readonly method: string;
  /** For `sync`, as `SYNC_DIRECTION`. */
  readonly direction: string;
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

const METHODS: readonly string[] = ['cookie', 'sync', 'file', 'mysql'];
const CHOICES: readonly string[] = [...METHODS, 'all'];
const TOPOLOGIES: readonly Topology[] = ['multi-primary', 'single-primary', 'replicas', 'single'];

export const HELP = `Starts MySQL servers, web servers and nginx on this machine.
One user then visits every web server, and each step is checked.

Usage: npm run demo -- [flags]

  --method NAME      session method: cookie, sync, file or mysql (default mysql);
                     all tries each method in turn, with --kill, and prints a table that compares them
  --direction WAY    for --method sync: both-ways (default), or one-way:NAME,NAME,…: the first of these web servers that
                     can be reached leads, and the others send it their changes
  --servers N        number of web servers, 1 to 20 (default 3)
  --databases N      number of MySQL servers, 1 to 9 (default 3; 1 with --topology single)
  --topology NAME    how the MySQL servers replicate: multi-primary, single-primary, replicas or single
                     (default multi-primary)
  --port P           port of nginx; 0 takes any free port (default 8080)
  --kill             also kill a web server and a MySQL server with kill -9, and continue; with --method file one of
                     the two mounts is taken away, too
  --exit             stop after the last step; the exit code is 0 only if every step passed
  --json FILE        write the report to FILE, as JSON
  --state FILE       where the addresses and process ids are written while the demo runs (default .roam/demo.json)
  --help             print this text

Without --exit the site keeps running until you press Ctrl-C.`;

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

  const direction = values.direction ?? 'both-ways';
  if (values.direction !== undefined && method !== 'sync') faults.push('--direction needs --method sync');

  const topology = TOPOLOGIES.find((name) => name === (values.topology ?? 'multi-primary')) ?? 'multi-primary';
  if (values.topology !== undefined && values.topology !== topology)
    faults.push(`--topology must be one of ${TOPOLOGIES.join(', ')}, not "${values.topology}"`);

  const servers = number('servers', 3, 1, 20);
  faults.push(...directionFaults(direction, servers));
  const databases = number('databases', topology === 'single' ? 1 : 3, 1, 9);
  if (topology === 'single' && databases !== 1)
    faults.push(`--topology single has one MySQL server, not ${databases}: leave out --databases`);
  const grouped = topology === 'multi-primary' || topology === 'single-primary';
  const survivors = grouped ? 3 : 2;
  const kill = values.kill === true || method === 'all';
  const asking = values.kill ? '--kill' : '--method all';
  if (kill && servers < 2) faults.push(`${asking} needs at least 2 web servers, not ${servers}: raise --servers`);
  if (kill && servers < 3 && direction.includes(','))
    faults.push(`${asking} with successors needs at least 3 web servers: a majority must go on`);
  if (kill && databases < survivors)
    faults.push(
      `${asking} needs at least ${survivors} MySQL servers, not ${databases}: ${grouped ? 'raise --databases, because a majority must survive' : 'use --topology replicas with --databases 2 or more'}`,
    );

  const port = number('port', 8080, 0, 65_535);
  if (faults.length > 0) throw new FlagError(faults);
  return {
    method,
    direction,
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

function directionFaults(direction: string, servers: number): string[] {
  if (direction === 'both-ways') return [];
  const names = /^one-way:(.+)$/.exec(direction)?.[1]?.split(',');
  if (!names) return [`--direction must be both-ways or one-way:NAME[,NAME…], not "${direction}"`];
  const known = serverNames(servers);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0)
    return [`--direction names ${unknown.join(', ')}, but the web servers are ${known.join(', ')}`];
  return new Set(names).size < names.length ? [`--direction names the same web server twice: "${direction}"`] : [];
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: false,
      options: {
        method: { type: 'string' },
        direction: { type: 'string' },
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
