// The sessions on disk while no server runs: one file, encrypted and authenticated, refused as a whole where it was
// planted or damaged.
import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from 'node:crypto';
import { open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { asEntry, type Entry } from './messages.js';

/** A snapshot is not used when it is older: only a peer can tell what has ended since. Milliseconds. */
const OLDEST = 3_600_000;
const MAGIC = Buffer.from('roamsyn1');
const IV_BYTES = 12;
const TAG_BYTES = 16;
const CHUNK = 256 * 1024;

/** Follows the time in the first line: others went on when this server left, so what it knew then may have ended since. */
const EARLY = ' early';

export interface Snapshot {
  /** To be gone through once; each is decoded then. @throws Error at one that is none */
  readonly entries: Iterable<Entry>;
  /** Others went on after it was written. */
  readonly isEarly: boolean;
}

/** Writes these entries, each JSON, in one step: after a crash there is the old file or the new one. */
export async function saveSnapshot(
  file: string,
  key: Buffer,
  entries: Iterable<string>,
  now: number,
  isEarly: boolean,
): Promise<void> {
  await removeUnfinished(file, now);
  // Several servers may share the file, and in containers each is process 1.
  const temporary = `${file}.${randomUUID()}.new`;
  const handle = await open(temporary, 'w', 0o600);
  try {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(MAGIC);
    await handle.write(Buffer.concat([MAGIC, iv]));
    let lines = [`${now}${isEarly ? EARLY : ''}`];
    let length = 0;
    const flush = async () => {
      await handle.writeFile(cipher.update(`${lines.join('\n')}\n`));
      [lines, length] = [[], 0];
    };
    for (const line of entries) {
      lines.push(line);
      length += line.length;
      if (length > CHUNK) await flush();
    }
    await flush();
    await handle.writeFile(Buffer.concat([cipher.final(), cipher.getAuthTag()]));
    await handle.sync();
  } catch (error) {
    await handle.close();
    await rm(temporary, { force: true });
    throw error;
  }
  await handle.close();
  await rename(temporary, file);
}

/** Removes files of servers that were killed while they wrote. No server writes for as long as a snapshot is valid. */
async function removeUnfinished(file: string, now: number): Promise<void> {
  const [folder, start] = [dirname(file), `${basename(file)}.`];
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter((each) => each.startsWith(start) && each.endsWith('.new'))) {
    const unfinished = join(folder, name);
    const { mtimeMs } = await stat(unfinished).catch(() => ({ mtimeMs: now }));
    if (now - mtimeMs > OLDEST) await rm(unfinished, { force: true });
  }
}

/**
 * What the file holds; undefined when there is none.
 * @throws Error when it is damaged, not ours, or too old
 */
export async function loadSnapshot(file: string, key: Buffer, now: number): Promise<Snapshot | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return await read(handle, key, now);
  } finally {
    await handle.close();
  }
}

async function read(handle: FileHandle, key: Buffer, now: number): Promise<Snapshot> {
  const { size } = await handle.stat();
  const start = MAGIC.length + IV_BYTES;
  const end = size - TAG_BYTES;
  if (end < start) throw new Error('The file is not a snapshot.');
  const at = async (position: number, length: number) =>
    (await handle.read(Buffer.alloc(length), 0, length, position)).buffer;
  const head = await at(0, start);
  const decipher = createDecipheriv('aes-256-gcm', key, head.subarray(MAGIC.length)).setAAD(
    head.subarray(0, MAGIC.length),
  );
  decipher.setAuthTag(await at(end, TAG_BYTES));
  const chunks: Buffer[] = [];
  for (let position = start; position < end; position += CHUNK)
    chunks.push(decipher.update(await at(position, Math.min(CHUNK, end - position))));
  // Until here nothing is known to be ours.
  decipher.final();
  const lines = linesOf(chunks);
  const first = lines.next().value ?? '';
  if (now - parseInt(first) > OLDEST) throw new Error('The snapshot is more than an hour old.');
  return { entries: entriesOf(lines, now), isEarly: first.endsWith(EARLY) };
}

/** Lets go of each chunk when its lines have been read. */
function* linesOf(chunks: Buffer[]): Generator<string, undefined> {
  let rest = Buffer.alloc(0);
  for (const at of chunks.keys()) {
    const plain = Buffer.concat([rest, chunks[at]]);
    chunks[at] = rest;
    const last = plain.lastIndexOf('\n') + 1;
    if (last > 0) yield* plain.toString('utf8', 0, last - 1).split('\n');
    rest = plain.subarray(last);
  }
  return undefined;
}

function* entriesOf(lines: Iterable<string>, now: number): Generator<Entry> {
  for (const line of lines) yield asEntry(JSON.parse(line), now);
}
