// Folders that are made once and then used by every run, also when several first runs begin at the same time.
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, ownMark } from './alive.js';
import { roamDir } from './project-dir.js';

/**
 * The folder `.roam/cache/NAME`; when missing, `make` fills a temporary folder that then gets this name in one step,
 * so it is never seen half made. A lock file lets the others wait; it only saves work: were it to fail, two would
 * make the same and one be thrown away.
 */
export async function cached(name: string, make: (dir: string) => Promise<void>): Promise<string> {
  const cache = roamDir('cache');
  const dir = join(cache, name);
  if (existsSync(dir)) return dir;
  const lock = join(cache, `${name}.lock`);
  await acquire(lock);
  try {
    if (existsSync(dir)) return dir;
    const draft = mkdtempSync(join(cache, `${name}.draft-`));
    try {
      await make(draft);
      renameSync(draft, dir);
    } catch (error) {
      rmSync(draft, { recursive: true, force: true });
      if (!existsSync(dir)) throw error;
    }
    return dir;
  } finally {
    rmSync(lock, { force: true });
  }
}

async function acquire(lock: string): Promise<void> {
  for (;;) {
    try {
      writeFileSync(lock, ownMark(), { flag: 'wx' });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const mark = read(lock);
    // Empty: its owner is just writing it, or died in that very moment.
    if (mark !== undefined && mark !== '' && !isAlive(mark)) rmSync(lock, { force: true });
    else await sleep(100);
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
