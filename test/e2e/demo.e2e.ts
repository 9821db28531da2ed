// The demo as a newcomer runs it, with a MySQL server and a web server killed in the midst of the walk.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { Client } from '../support/browser.js';
import { register } from '../support/people.js';
import { runNode } from '../support/run.js';

jest.setTimeout(180_000);

interface Report {
  ok: boolean;
  method: string;
  steps: { name: string; server: string; status: number; loggedIn: boolean; ms: number; ok: boolean }[];
  reLogins: number;
  lostWrites: number;
}
interface State {
  url: string;
  nginx: { pid: number };
  servers: { name: string; url: string; pid: number }[];
  databases: { name: string; host: string; port: number; pid: number; role: string }[];
}

let folder: string;
let demo: ChildProcess | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'roam-demo-'));
});
afterEach(async () => {
  demo?.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

it('walks a user across its servers, kills two of them, and nothing fails', async () => {
  const file = join(folder, 'report.json');
  const { code, stdout, stderr } = await runNode(
    [
      'scripts/run.mjs',
      'demo',
      '--exit',
      '--kill',
      '--port',
      '0',
      '--json',
      file,
      '--state',
      join(folder, 'state.json'),
    ],
    { HOME: folder },
  );
  expect({ code, said: code === 0 ? '' : stdout + stderr }).toEqual({ code: 0, said: '' });
  const report = JSON.parse(await readFile(file, 'utf8')) as Report;
  expect(report.steps.filter(({ ok }) => !ok)).toEqual([]);
  expect(report).toMatchObject({ ok: true, method: 'mysql', reLogins: 0, lostWrites: 0 });
  expect(report.steps.filter(({ status }) => status >= 500)).toEqual([]);
  expect(new Set(report.steps.map(({ server }) => server)).size).toBeGreaterThanOrEqual(3);
  expect(report.steps.filter(({ name }) => name.includes('kill')).length).toBeGreaterThanOrEqual(2);
  expect(stdout).toMatch(/register/);
});

it('says where everything is, serves on, and takes everything with it when it is killed with -9', async () => {
  const stateFile = join(folder, 'state.json');
  demo = spawn(
    process.execPath,
    ['apps/demo/dist/main.js', '--port', '0', '--state', stateFile, '--topology', 'single'],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  let printed = '';
  demo.stdout!.on('data', (bytes: Buffer) => (printed += bytes.toString()));
  const deadline = Date.now() + 120_000;
  while (!/Ctrl-C/.test(printed) && Date.now() < deadline && demo.exitCode === null) await sleep(100);

  const state = JSON.parse(await readFile(stateFile, 'utf8')) as State;
  const client = new Client(state.url);
  await register(client);
  for (const { url, name } of state.servers) expect((await client.get(`${url}/api/me`)).server).toBe(name);
  expect(state.databases).toEqual([expect.objectContaining({ host: '127.0.0.1', role: 'primary' })]);

  const pids = [state.nginx, ...state.servers, ...state.databases].map(({ pid }) => pid);
  for (const pid of pids) expect(existsSync(`/proc/${pid}`)).toBe(true);
  demo.kill('SIGKILL');
  const alive = () => pids.filter((pid) => existsSync(`/proc/${pid}`));
  for (let i = 0; i < 100 && alive().length > 0; i++) await sleep(100);
  expect(alive()).toEqual([]);
});
