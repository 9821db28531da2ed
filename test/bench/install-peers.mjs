// Installs the libraries that the benchmark compares with: a package of their own, so that the app never has them.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync, utimesSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('peers/', import.meta.url));
const lock = `${folder}package-lock.json`;
const installed = `${folder}node_modules/.package-lock.json`;

/** Does nothing when they are there already. */
export function installPeers(say) {
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  say('installing the session libraries to compare with into test/bench/peers (once)');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status } = spawnSync(npm, args, { cwd: folder, stdio: ['ignore', 2, 2] });
  if (status !== 0)
    throw new Error(
      'npm ci failed in test/bench/peers: see its output above; without the npm registry use --variants bare,limit,memory,mysql',
    );
  // `npm ci` keeps the lock's own time: what was just installed must count as newer.
  utimesSync(installed, new Date(), new Date());
}
