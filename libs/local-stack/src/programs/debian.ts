// Debian and Ubuntu packages, fetched by apt into the cache and unpacked there: nothing is installed, no root needed.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Progress } from '../types.js';
import { onPath, type CommandLine } from '../system/guard.js';

const run = promisify(execFile);

/**
 * What these packages were tested with, on Debian's unstable suite: where a newer one fails, this says what to go back
 * to (snapshot.debian.org has every version).
 */
export const TESTED_PACKAGES = {
  'mysql-server-core': '9.7.4-2',
  nginx: '1.30.6-1',
  'redis-server': '5:8.0.6-3',
} as const;

/** The rolling suite: stable ones carry MariaDB only (Debian) or MySQL 8.0 (Ubuntu 24.04). */
const SUITES: Readonly<Record<string, string>> = { debian: 'sid', ubuntu: 'devel' };

export interface Mirror {
  readonly uri: string;
  readonly suite: string;
  readonly components: string;
  readonly keyring: string;
}

/** Why packages cannot be had here, or the mirror to take them from. */
export function findMirror(etc = '/etc', keyrings = '/usr/share/keyrings'): Mirror | { readonly failure: string } {
  const release = readText(join(etc, 'os-release'));
  const id = /^ID=["']?(\w+)/m.exec(release)?.[1] ?? 'unknown';
  const suite = SUITES[id];
  if (suite === undefined) return { failure: `this system (${id}) is neither Debian nor Ubuntu` };
  if (!onPath('apt-get') || !onPath('dpkg')) return { failure: 'apt-get or dpkg is missing' };
  const keyring = join(keyrings, `${id}-archive-keyring.gpg`);
  if (!existsSync(keyring)) return { failure: `${keyring} is missing` };
  const uri = archiveUri(join(etc, 'apt'), id);
  if (uri === undefined) return { failure: `no ${id} archive found in the machine's apt sources` };
  return { uri, suite, components: id === 'debian' ? 'main' : 'main universe', keyring };
}

/** The archive of the distribution itself among the machine's sources, in both formats of apt; not its security archive. */
function archiveUri(apt: string, id: string): string | undefined {
  const parts = join(apt, 'sources.list.d');
  const files = [
    join(apt, 'sources.list'),
    ...(existsSync(parts) ? readdirSync(parts).map((name) => join(parts, name)) : []),
  ];
  for (const file of files) {
    const text = readText(file);
    const uris = file.endsWith('.sources')
      ? [...text.matchAll(/^URIs:\s*(.+)$/gim)].flatMap(([, list = '']) => list.trim().split(/\s+/))
      : [...text.matchAll(/^deb\s+(?:\[[^\]]*\]\s+)?(\S+)/gm)].map(([, uri = '']) => uri);
    const found = uris.find((uri) => new RegExp(`/${id}(-ports)?/?$`).test(uri));
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * Fetches the package with everything it needs down to the C library (an empty dpkg status: nothing counts as
 * installed) and unpacks it into `dir`/root. Throws with apt's own words.
 */
export async function unpackPackages(dir: string, mirror: Mirror, name: string, progress: Progress): Promise<void> {
  const apt = join(dir, 'apt');
  for (const part of ['lists/partial', 'archives/partial']) mkdirSync(join(apt, part), { recursive: true });
  writeFileSync(join(apt, 'status'), '');
  writeFileSync(
    join(apt, 'sources.list'),
    `deb [signed-by=${mirror.keyring}] ${mirror.uri} ${mirror.suite} ${mirror.components}\n`,
  );
  writeFileSync(join(apt, 'apt.conf'), aptConfiguration(apt));
  const aptGet = (...args: string[]) =>
    run('apt-get', ['-c', join(apt, 'apt.conf'), '-qq', ...args], { timeout: 600_000, maxBuffer: 64 << 20 });

  progress(`reading the package list of ${mirror.suite} for ${name}`);
  await aptGet('update');
  progress(`downloading ${name} and its dependencies`);
  const packages = await packageNames(apt, name);
  await aptGet('install', '--yes', '--download-only', '--no-install-recommends', ...packages);
  const archives = readdirSync(join(apt, 'archives')).filter((file) => file.endsWith('.deb'));
  progress(`unpacking ${archives.length} packages for ${name}`);
  const root = join(dir, 'root');
  mkdirSync(root);
  // Decompressing is what takes the time: as many at once as there are processors.
  const rest = [...archives];
  const unpackRest = async () => {
    for (let archive = rest.pop(); archive !== undefined; archive = rest.pop())
      await run('dpkg', ['-x', join(apt, 'archives', archive), root], { timeout: 120_000 });
  };
  await Promise.all(Array.from({ length: availableParallelism() }, unpackRest));
  writeFileSync(join(dir, 'packages.txt'), `${archives.sort().join('\n')}\n`);
  rmSync(apt, { recursive: true, force: true });
}

/** Ubuntu has the version in the package's name: the newest is taken. */
async function packageNames(apt: string, name: string): Promise<string[]> {
  const { stdout } = await run('apt-cache', ['-c', join(apt, 'apt.conf'), 'pkgnames', name], { maxBuffer: 64 << 20 });
  const names = stdout.split('\n').filter((line) => line === name || /^-\d[\d.]*$/.test(line.slice(name.length)));
  if (names.includes(name)) return [name];
  const newest = names.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1);
  if (newest === undefined) throw new Error(`the archive has no package ${name}`);
  return [newest];
}

/** The machine's own apt settings (a proxy, certificates) stay in force; state, hooks and locks of the system are left out. */
function aptConfiguration(apt: string): string {
  return `#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
Dir::State "${apt}";
Dir::State::lists "${apt}/lists";
Dir::State::status "${apt}/status";
Dir::Cache "${apt}";
Dir::Cache::archives "${apt}/archives";
Dir::Etc::sourcelist "${apt}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Debug::NoLocking "1";
APT::Sandbox::User "root";
APT::Get::List-Cleanup "0";
Acquire::Languages "none";
Acquire::Retries "2";
`;
}

/** How to run a program of an unpacked root: through the loader that came with it, so the machine's libraries do not matter. */
export function unpackedCommand(root: string, program: string): CommandLine | undefined {
  const loaders = [
    'usr/lib64/ld-linux-x86-64.so.2',
    'usr/lib/ld-linux-aarch64.so.1',
    'lib64/ld-linux-x86-64.so.2',
    'lib/ld-linux-aarch64.so.1',
  ];
  const loader = loaders.map((file) => join(root, file)).find((file) => existsSync(file));
  const libraries = ['x86_64-linux-gnu', 'aarch64-linux-gnu']
    .flatMap((triplet) => [join(root, 'usr/lib', triplet), join(root, 'lib', triplet)])
    .filter((dir) => existsSync(dir));
  const file = ['usr/sbin', 'usr/bin'].map((dir) => join(root, dir, program)).find((path) => existsSync(path));
  if (loader === undefined || file === undefined) return undefined;
  return { file: loader, args: ['--library-path', libraries.join(':'), file] };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
