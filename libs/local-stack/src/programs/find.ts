// Finds MySQL, nginx and Redis: the environment, the PATH, the cache, packages unpacked into the cache, Docker.
import { join } from 'node:path';
import { StackError } from '../errors.js';
import { cached } from '../system/cached.js';
import { onPath, type CommandLine } from '../system/guard.js';
import type { Progress } from '../types.js';
import { dockerCommand, dockerFault, pull } from './docker.js';
import { findMirror, TESTED_PACKAGES, unpackedCommand, unpackPackages } from './debian.js';
import { askVersion, type Program } from './program.js';
import { judgeMysql, judgeNginx, judgeRedis, type Verdict } from './versions.js';

interface Wanted {
  readonly name: string;
  /** The environment variable that names its file. */
  readonly variable: string;
  readonly program: string;
  readonly versionFlag: string;
  readonly package: keyof typeof TESTED_PACKAGES;
  readonly image: string;
  readonly judge: (text: string) => Verdict;
  /** Arguments by which an unpacked one finds its own files. */
  readonly unpackedArgs: (root: string) => readonly string[];
  readonly advice: string;
}

const MYSQL: Wanted = {
  name: 'MySQL',
  variable: 'MYSQLD',
  program: 'mysqld',
  versionFlag: '--version',
  package: 'mysql-server-core',
  image: 'mysql:9.7',
  judge: judgeMysql,
  unpackedArgs: (root) => [
    '--no-defaults',
    `--basedir=${join(root, 'usr')}`,
    `--plugin-dir=${join(root, 'usr/lib/mysql/plugin')}`,
    `--lc-messages-dir=${join(root, 'usr/share/mysql')}`,
    `--character-sets-dir=${join(root, 'usr/share/mysql/charsets')}`,
  ],
  advice:
    'Install MySQL 8.4 or later (https://dev.mysql.com/downloads/mysql/, or "brew install mysql"), or set MYSQLD to the path of a mysqld',
};

const NGINX: Wanted = {
  name: 'nginx',
  variable: 'NGINX',
  program: 'nginx',
  versionFlag: '-v',
  package: 'nginx',
  image: 'nginx:1.30',
  judge: judgeNginx,
  unpackedArgs: () => [],
  advice: 'Install nginx ("apt install nginx", "brew install nginx"), or set NGINX to the path of an nginx',
};

/** For the tests of stores that are kept in Redis; Valkey answers to the same commands. */
const REDIS: Wanted = {
  name: 'Redis',
  variable: 'REDIS_SERVER',
  program: 'redis-server',
  versionFlag: '--version',
  package: 'redis-server',
  image: 'redis:8',
  judge: judgeRedis,
  unpackedArgs: () => [],
  advice:
    'Install Redis or Valkey ("apt install redis-server", "brew install redis"), or set REDIS_SERVER to the path of one of their servers',
};

/** Often not on a user's PATH. */
const SYSTEM_DIRS = ['/usr/sbin', '/usr/local/sbin', '/usr/local/mysql/bin', '/opt/homebrew/bin', '/usr/local/bin'];

/** Throws `StackError` program_missing with everything that was tried. */
export function findMysql(progress: Progress): Promise<Program> {
  return find(MYSQL, progress);
}

/** Throws `StackError` program_missing with everything that was tried. */
export function findNginx(progress: Progress): Promise<Program> {
  return find(NGINX, progress);
}

/** Throws `StackError` program_missing with everything that was tried. */
export function findRedis(progress: Progress): Promise<Program> {
  return find(REDIS, progress);
}

async function find(wanted: Wanted, progress: Progress): Promise<Program> {
  const tried: string[] = [];
  const chosen = process.env[wanted.variable];
  if (chosen !== undefined && chosen !== '') {
    const program = await judge(
      wanted,
      { file: chosen, args: [] },
      noDefaults(wanted),
      `${wanted.variable}=${chosen}`,
      tried,
    );
    if (program) return program;
    // Somebody asked for this one: another in its place would hide the mistake.
    throw new StackError('program_missing', `${wanted.name} cannot be used: ${tried.join('')}. ${wanted.advice}.`);
  }

  const file = onPath(wanted.program, SYSTEM_DIRS);
  if (file === undefined) {
    tried.push(`the PATH: it has no ${wanted.program}`);
  } else {
    const program = await judge(wanted, { file, args: [] }, noDefaults(wanted), file, tried);
    if (program) return program;
  }

  const unpacked = await findUnpacked(wanted, progress, tried);
  if (unpacked) return unpacked;

  const inDocker = await findInDocker(wanted, progress, tried);
  if (inDocker) return inDocker;
  throw new StackError(
    'program_missing',
    `${wanted.name} was not found. Tried:\n${tried.map((line) => `  - ${line}`).join('\n')}\n${wanted.advice}.`,
  );
}

/** The machine's my.cnf belongs to the machine's own server. */
function noDefaults(wanted: Wanted): readonly string[] {
  return wanted === MYSQL ? ['--no-defaults'] : [];
}

async function findUnpacked(wanted: Wanted, progress: Progress, tried: string[]): Promise<Program | undefined> {
  const what = `the packages in .roam/cache`;
  const mirror = findMirror();
  if ('failure' in mirror) {
    tried.push(`${what}: ${mirror.failure}`);
    return undefined;
  }
  try {
    const dir = await cached(`${wanted.package}-${process.arch}`, async (draft) => {
      progress(`${wanted.name} is not installed: downloading it from ${mirror.uri} into .roam/cache (once)`);
      await unpackPackages(draft, mirror, wanted.package, progress);
    });
    const root = join(dir, 'root');
    const command = unpackedCommand(root, wanted.program);
    if (command) return await judge(wanted, command, wanted.unpackedArgs(root), what, tried);
    tried.push(`${what}: ${wanted.package} has no ${wanted.program}; ${tested(wanted)}`);
  } catch (error) {
    const words = (error as Error).message.trim().split('\n').slice(-3).join(' ');
    tried.push(`${what}: ${words}; ${tested(wanted)}`);
  }
  return undefined;
}

async function findInDocker(wanted: Wanted, progress: Progress, tried: string[]): Promise<Program | undefined> {
  const fault = await dockerFault();
  if (fault !== undefined) {
    tried.push(`Docker: ${fault}`);
    return undefined;
  }
  try {
    await pull(wanted.image, progress);
  } catch (error) {
    tried.push(`Docker: ${wanted.image}: ${(error as Error).message}`);
    return undefined;
  }
  const command = dockerCommand(wanted.image, wanted.program);
  const program = await judge(wanted, command, noDefaults(wanted), `the image ${wanted.image}`, tried);
  return program && { ...program, container: true };
}

function tested(wanted: Wanted): string {
  return `roam was tested with ${wanted.package} ${TESTED_PACKAGES[wanted.package]} of Debian unstable`;
}

async function judge(
  wanted: Wanted,
  command: CommandLine,
  ownArgs: readonly string[],
  origin: string,
  tried: string[],
): Promise<Program | undefined> {
  const answer = await askVersion(command, wanted.versionFlag);
  const verdict = 'text' in answer ? wanted.judge(answer.text) : { refused: `it cannot be run (${answer.failure})` };
  if ('version' in verdict) return { command, ownArgs, version: verdict.version, origin };
  tried.push(`${origin}: ${verdict.refused}`);
  return undefined;
}
