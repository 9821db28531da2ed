// A process that appends to one document again and again by compare-and-set, for tests that kill it while it does.
import { keyOf } from '../documents.js';
import { Seal } from '../sealed-file.js';
import { VersionedFiles } from '../versioned-files.js';

/** What it tells: the entry that it was told to have written, and the version that this made. */
export interface Written {
  readonly version: number;
  readonly entry: string;
}

const [, , dir, key, name] = process.argv as [string, string, string, string, string];
const files = new VersionedFiles(dir, new Seal([key]), (file) => {
  throw new Error(`The store took this file for damaged: ${file}`);
});
const document = keyOf('users', 'the one');

process.once('disconnect', () => process.exit(0));
await files.open();
for (let count = 0; ; count++) {
  const entry = `${name}-${count}`;
  const found = await files.read(document, false);
  const entries = found ? (JSON.parse(found.body) as string[]) : [];
  const outcome = await files.put(document, JSON.stringify([...entries, entry]), found);
  if (outcome === 'done') process.send!({ version: entries.length + 1, entry } satisfies Written);
}
