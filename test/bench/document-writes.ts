// How often the documents of roam's method `file` were written, as the names of their files tell.
import { existsSync, readdirSync } from 'node:fs';
import { basename } from 'node:path';

/** A document's file: the hash of its name, and how often it was written. */
const FILE = /^[0-9a-f]{64}\.([1-9]\d*)$/;

/** On these mounts together, of all documents that are there. A folder that is missing has none. */
export function documentWrites(mounts: readonly string[]): number {
  const paths = mounts.filter((mount) => existsSync(mount)).flatMap((mount) => filesBelow(mount));
  return paths.reduce((sum, path) => sum + Number(FILE.exec(basename(path))?.[1] ?? 0), 0);
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' });
}
