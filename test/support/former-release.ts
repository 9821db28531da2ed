// The web app of a former commit, built beside this one, for tests of a rolling deploy.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join, relative } from 'node:path';

const PROJECT = join(import.meta.dirname, '../..');
/** Where npm has installed dependencies of one workspace only. */
const WORKSPACES = ['libs/session', 'libs/mysql-cluster', 'libs/local-stack', 'apps/web'];

/** Whether git knows this commit here: a shallow clone or an archive does not. */
export function hasCommit(commit: string): boolean {
  try {
    execFileSync('git', ['cat-file', '-e', `${commit}^{commit}`], { cwd: PROJECT, stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/**
 * Builds the app of this commit with the dependencies of now, once; it stays in `.roam/cache`.
 * @returns the folder of its `main.js`
 */
export function buildFormer(commit: string): string {
  const cache = join(PROJECT, '.roam/cache');
  const dir = join(cache, `former-release-${commit}`);
  const app = join(dir, 'apps/web/dist');
  if (existsSync(dir)) return app;
  const draft = `${dir}.draft-${process.pid}`;
  mkdirSync(draft, { recursive: true });
  try {
    const archive = execFileSync('git', ['archive', commit], { cwd: PROJECT, maxBuffer: 256 * 1024 * 1024 });
    execFileSync('tar', ['-x', '-C', draft], { input: archive });
    linkDependencies(draft);
    execFileSync(process.execPath, ['node_modules/@nestjs/cli/bin/nest.js', 'build', '--all'], { cwd: draft });
    renameSync(draft, dir);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    throw error;
  }
  return app;
}

/** Links to all packages but the project's own, which must be those of the former commit. */
function linkDependencies(draft: string): void {
  const installed = join(PROJECT, 'node_modules');
  const own = join(draft, 'node_modules');
  mkdirSync(join(own, '@roam'), { recursive: true });
  for (const name of readdirSync(installed)) if (name !== '@roam') symlinkSync(join(installed, name), join(own, name));
  for (const name of readdirSync(join(installed, '@roam'))) {
    const folder = ['libs', 'apps'].map((parent) => join(draft, parent, name)).find((each) => existsSync(each));
    // Relative: the folder is renamed when it is whole. A link that leads nowhere would let Node take this release's package.
    if (folder) symlinkSync(relative(join(own, '@roam'), folder), join(own, '@roam', name));
  }
  for (const workspace of WORKSPACES) {
    const nested = join(PROJECT, workspace, 'node_modules');
    if (existsSync(nested)) symlinkSync(nested, join(draft, workspace, 'node_modules'));
  }
}
