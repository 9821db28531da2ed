// Where the project is and where its `.roam` folder: everything that a run or the cache writes lives there.
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The folder whose package.json has `workspaces`, upward from this file. */
export const projectDir = findProject(import.meta.dirname);

/** A folder inside `.roam`, made when missing. Only its owner may look into it: it holds passwords. */
export function roamDir(...parts: readonly string[]): string {
  const dir = join(projectDir, '.roam', ...parts);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  return dir;
}

function findProject(from: string): string {
  for (let dir = from; ; dir = dirname(dir)) {
    const file = join(dir, 'package.json');
    if (existsSync(file) && 'workspaces' in (JSON.parse(readFileSync(file, 'utf8')) as object)) return dir;
    if (dir === dirname(dir)) return process.cwd();
  }
}
