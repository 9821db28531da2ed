// Databases end with the process that started them, also when it is killed with -9, and leave no trace for the next run.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, jest } from '@jest/globals';
import { makeRunDir } from './system/run-dir.js';
import { projectDir } from './system/project-dir.js';

jest.setTimeout(120_000);

/** Starts one server in a process of its own; resolves with what that process says. */
async function elsewhere(): Promise<{ pid: number; runDir: string; parent: ReturnType<typeof spawn> }> {
  const dist = join(projectDir, 'libs/local-stack/dist/index.js');
  if (!existsSync(dist)) throw new Error('This test runs the built lib: run "npm run build" first');
  const source = `
    import { readlinkSync } from 'node:fs';
    const { startDatabases } = await import(${JSON.stringify(pathToFileURL(dist).href)});
    const { nodes: [node] } = await startDatabases({ count: 1, topology: 'single' });
    const { createConnection } = await import('mysql2/promise');
    const connection = await createConnection(node.adminUrl);
    const [[row]] = await connection.query('SELECT @@datadir AS dir');
    console.log(JSON.stringify({ pid: node.pid, dir: row.dir }));
  `;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', source], {
    cwd: join(projectDir, 'libs/local-stack'),
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  const line = await new Promise<string>((resolve, reject) => {
    createInterface(parent.stdout).once('line', resolve);
    parent.once('exit', (code) => reject(new Error(`It ended with ${code}`)));
  });
  const { pid, dir } = JSON.parse(line) as { pid: number; dir: string };
  return { pid, runDir: join(dir, '../..'), parent };
}

async function untilGone(pid: number): Promise<boolean> {
  for (let i = 0; i < 200; i++) {
    try {
      process.kill(pid, 0);
    } catch {
      return true;
    }
    await sleep(25);
  }
  return false;
}

describe('a process that is gone', () => {
  it('killed with -9 takes its MySQL along; the next run removes its folder', async () => {
    const { pid, runDir, parent } = await elsewhere();
    expect(existsSync(runDir)).toBe(true);
    parent.kill('SIGKILL');
    expect(await untilGone(pid)).toBe(true);
    makeRunDir().remove();
    expect(existsSync(runDir)).toBe(false);
  });

  it('ended by itself, without stop, takes its MySQL and its folder along', async () => {
    const { pid, runDir, parent } = await elsewhere();
    parent.kill('SIGTERM');
    expect(await untilGone(pid)).toBe(true);
    makeRunDir().remove();
    expect(existsSync(runDir)).toBe(false);
  });
});
