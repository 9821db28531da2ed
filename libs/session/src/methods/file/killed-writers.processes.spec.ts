// Writers that are killed or put to sleep at random points: one winner per version, nothing acknowledged is lost, nobody waits.
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { fork, type ChildProcess } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { builtFile } from '../../built-file.js';
import { keyOf } from './documents.js';
import { Seal, sealKeys } from './sealed-file.js';
import type { Written } from './testing/writer.js';
import { VersionedFiles } from './versioned-files.js';

jest.setTimeout(60_000);

const WRITER = builtFile('./testing/writer.js', import.meta.url);
const [key] = sealKeys(['the tests sign their files with this secret']);
const ROUNDS = 40;

let dir: string;
const writers: ChildProcess[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'roam-writers-'));
});
afterEach(async () => {
  for (const writer of writers.splice(0)) writer.kill('SIGKILL');
  await rm(dir, { recursive: true, force: true });
});

it('loses no acknowledged write, and no version has two winners', async () => {
  const acknowledged: Written[] = [];
  let started = 0;
  const start = () => {
    const name = `writer${++started}`;
    const writer = fork(WRITER, [dir, key, name], { execArgv: [] });
    writer.on('message', (written: Written) => acknowledged.push(written));
    writers.push(writer);
    return writer;
  };
  /** The others must go on, whatever the one was doing. */
  const progress = async (by: number) => {
    const goal = acknowledged.length + by;
    while (acknowledged.length < goal) await sleep(1);
  };

  const running = [start(), start(), start(), start()];
  await progress(20);
  for (let round = 0; round < ROUNDS; round++) {
    const victim = Math.floor(Math.random() * running.length);
    await sleep(Math.random() * 10);
    if (round % 2) {
      running[victim].kill('SIGKILL');
      await progress(10);
      running[victim] = start();
    } else {
      running[victim].kill('SIGSTOP');
      await progress(10);
      running[victim].kill('SIGCONT');
    }
  }
  for (const writer of running) {
    const exited = new Promise((resolve) => writer.once('exit', resolve));
    writer.kill('SIGKILL');
    await exited;
  }

  const files = new VersionedFiles(dir, new Seal([key]), () => undefined);
  const document = keyOf('users', 'the one');
  const { body } = (await files.read(document, true))!;
  const entries = JSON.parse(body) as string[];
  expect(new Set(acknowledged.map(({ version }) => version)).size).toBe(acknowledged.length);
  for (const { version, entry } of acknowledged) expect(entries[version - 1]).toBe(entry);
  expect(new Set(entries).size).toBe(entries.length);

  // What the killed left behind is gone with the next write.
  const found = (await files.read(document, false))!;
  expect(await files.put(document, JSON.stringify([...entries, 'last']), found)).toBe('done');
  const names = (await readdir(join(dir, 'users', document.hash.slice(0, 3)))).filter((name) =>
    name.includes(document.hash),
  );
  expect(names).toHaveLength(1);
  console.log(`${acknowledged.length} writes by ${started} writers, ${ROUNDS / 2} killed, ${ROUNDS / 2} put to sleep`);
});
