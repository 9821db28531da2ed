// The folder of one run: data, configuration and logs of its processes; gone when the run ends.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive, ownMark } from './alive.js';
import { atExit } from './at-exit.js';
import { roamDir } from './project-dir.js';

const OWNER = 'owner';
/** A folder without an owner file is one that is just being made. */
const NEW_MS = 60_000;

export interface RunDir {
  readonly path: string;
  remove(): void;
}

/** Makes a folder for this run and removes those of runs that died. */
export function makeRunDir(): RunDir {
  const runs = roamDir('run');
  for (const name of readdirSync(runs)) {
    const dir = join(runs, name);
    if (isStale(dir)) rmSync(dir, { recursive: true, force: true });
  }
  const dir = mkdtempSync(join(runs, 'run-'));
  writeFileSync(join(dir, OWNER), ownMark());
  const removeFiles = () => rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  const forget = atExit(removeFiles);
  return {
    path: dir,
    remove: () => {
      forget();
      removeFiles();
    },
  };
}

function isStale(dir: string): boolean {
  try {
    return !isAlive(readFileSync(join(dir, OWNER), 'utf8'));
  } catch {
    try {
      return Date.now() - statSync(dir).mtimeMs > NEW_MS;
    } catch {
      return false;
    }
  }
}
