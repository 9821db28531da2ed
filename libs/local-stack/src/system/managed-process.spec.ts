// A child's life: it starts, is signalled, stops, and never outlives the process that started it.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { StackError } from '../errors.js';
import { guarded, watchOver } from './guard.js';
import { ManagedProcess } from './managed-process.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'process-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function shell(script: string, isReady = () => Promise.resolve(true), readyTimeoutMs = 500): ManagedProcess {
  return new ManagedProcess({
    name: 'sleeper',
    command: () => ({ file: 'sh', args: ['-c', script] }),
    env: () => process.env,
    logFile: join(dir, 'log'),
    isReady,
    readyTimeoutMs,
    stopGraceMs: 500,
  });
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A zombie still has a number.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' && process.platform !== 'linux';
  }
}

async function untilGone(pid: number): Promise<boolean> {
  for (let i = 0; i < 100 && runs(pid); i++) await sleep(20);
  return !runs(pid);
}

describe('a managed process', () => {
  it('has the pid of the program itself, and none when it is down', async () => {
    const sleeper = shell('echo $$; exec sleep 60');
    expect(sleeper.pid).toBeNull();
    await sleeper.start();
    const { pid } = sleeper;
    while (sleeper.logTail() === '') await sleep(10);
    expect(sleeper.logTail()).toBe(String(pid));
    await sleeper.kill();
    expect(sleeper.pid).toBeNull();
    expect(runs(pid ?? 0)).toBe(false);
    await sleeper.start();
    expect(sleeper.pid).not.toBe(pid);
    await sleeper.stop();
    expect(sleeper.pid).toBeNull();
  });

  it('is stopped also when it is frozen, or does not care about SIGTERM', async () => {
    const frozen = shell('exec sleep 60');
    await frozen.start();
    frozen.freeze();
    await frozen.stop();
    expect(frozen.pid).toBeNull();

    const stubborn = shell("trap '' TERM; echo ready; while :; do sleep 0.05; done");
    await stubborn.start();
    while (stubborn.logTail() === '') await sleep(10);
    await stubborn.stop();
    expect(stubborn.pid).toBeNull();
  });

  it('shows the end of its log when it does not start', async () => {
    const broken = shell('echo cannot open the box; exit 3', () => Promise.resolve(false), 2500);
    await expect(broken.start()).rejects.toThrow(/sleeper exited before it was ready.*cannot open the box/s);
    const slow = shell('echo thinking; exec sleep 60', () => Promise.resolve(false), 2500);
    await expect(slow.start()).rejects.toThrow(StackError);
    expect(slow.logTail()).toContain('thinking');
    await slow.kill();
  });
});

describe('when the parent is killed with -9', () => {
  /** Runs a node that runs `source`, which prints a child's pid; kills that node; returns the child's pid. */
  async function orphan(source: string): Promise<number> {
    const parent = spawn(process.execPath, ['-e', source], { stdio: ['ignore', 'pipe', 'inherit'] });
    const text = await new Promise<string>((resolve) =>
      parent.stdout.once('data', (data: Buffer) => resolve(data.toString())),
    );
    const pid = Number(text);
    expect(runs(pid)).toBe(true);
    parent.kill('SIGKILL');
    return pid;
  }

  const startChild = (file: string, args: readonly string[]) => `
    const { spawn } = require('node:child_process');
    const child = spawn(${JSON.stringify(file)}, ${JSON.stringify(args)}, { stdio: 'ignore', detached: true });
  `;

  (process.platform === 'linux' ? it : it.skip)('a guarded child dies (Linux: by the kernel)', async () => {
    const { file, args } = guarded({ file: 'sleep', args: ['60'] });
    // The guard is for the process that starts the child: there, its own pid.
    const own = JSON.stringify(args).replace(JSON.stringify(String(process.pid)), 'String(process.pid)');
    const pid = await orphan(
      `const { spawn } = require('node:child_process');
       const child = spawn(${JSON.stringify(file)}, ${own}, { stdio: 'ignore', detached: true });
       setTimeout(() => console.log(child.pid), 300); setInterval(() => {}, 1000);`,
    );
    expect(await untilGone(pid)).toBe(true);
  });

  it('a watched child dies (elsewhere: by the watcher)', async () => {
    const source = watchOver.toString();
    const pid = await orphan(`
      ${startChild('sleep', ['60'])}
      ${source}
      watchOver({ file: 'kill', args: ['-9', String(child.pid)] });
      setTimeout(() => console.log(child.pid), 300); setInterval(() => {}, 1000);
    `);
    expect(await untilGone(pid)).toBe(true);
  });
});
