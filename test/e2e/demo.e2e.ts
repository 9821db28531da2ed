// The demo as a newcomer runs it, with a MySQL server and a web server killed in the midst of the walk.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { Client } from '../support/browser.js';
import { findChromium, launch } from '../support/chromium.js';
import { isLoopback, listenersOf } from '../support/listeners.js';
import { register } from '../support/people.js';
import { isBusy } from '../support/retry-refused.js';
import { runNode } from '../support/run.js';

jest.setTimeout(300_000);

interface Report {
  ok: boolean;
  method: string;
  steps: { name: string; server: string; status: number; loggedIn: boolean; ms: number; ok: boolean }[];
  reLogins: number;
  lostWrites: number;
  methods: {
    method: string;
    ok: boolean;
    hops: number;
    survivesServer: boolean;
    survivesStore: boolean;
    revocable: boolean;
    costs: object;
  }[];
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

it('walks a user across its servers with every method, kills what each depends on, and nothing fails', async () => {
  const file = join(folder, 'report.json');
  const args = ['--method', 'all', '--exit', '--port', '0', '--json', file, '--state', join(folder, 'state.json')];
  const { code, stdout, stderr } = await runNode(['scripts/run.mjs', 'demo', ...args], { HOME: folder });
  expect({ code, said: code === 0 ? '' : stdout + stderr }).toEqual({ code: 0, said: '' });
  const report = JSON.parse(await readFile(file, 'utf8')) as Report;
  expect(report.steps.filter(({ ok }) => !ok)).toEqual([]);
  expect(report).toMatchObject({ ok: true, method: 'all', reLogins: 0, lostWrites: 0 });
  expect(report.steps.filter(({ status }) => status >= 500 && status !== 501)).toEqual([]);
  expect(new Set(report.steps.map(({ server }) => server)).size).toBeGreaterThanOrEqual(3);
  expect(report.steps.filter(({ name }) => name.includes('kill')).length).toBe(10);
  expect(report.methods.map(({ method }) => method)).toEqual(['cookie', 'sync', 'sync one-way', 'file', 'mysql']);
  for (const row of report.methods) {
    expect(row).toMatchObject({ ok: true, survivesServer: true, survivesStore: true, revocable: true });
    expect(row.hops).toBeGreaterThan(10);
    const kept = row.method === 'cookie' || row.method.startsWith('sync') ? 0 : 1;
    expect(row.costs).toEqual({
      look: { reads: kept, writes: 0 },
      change: { reads: kept, writes: row.method === 'cookie' ? 0 : 1 },
    });
  }
  for (const word of ['server changes without sign-in', 'cookie', 'sync', 'sync one-way', 'file', 'mysql'])
    expect(stdout).toContain(word);
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
  const client = new Client(state.url, { retryOn: isBusy });
  await register(client);
  for (const { url, name } of state.servers) expect((await client.get(`${url}/api/me`)).server).toBe(name);
  expect(state.databases).toEqual([expect.objectContaining({ host: '127.0.0.1', role: 'primary' })]);
  if (process.platform === 'linux') {
    const listeners = listenersOf(demo.pid!);
    expect(listeners.length).toBeGreaterThan(state.servers.length * 2);
    expect(listeners.filter((each) => !isLoopback(each))).toEqual([]);
  }

  // What the page of the cluster offers: a server is killed by a button, and comes back by another.
  const visitor = new Client(state.url, { retryOn: isBusy });
  const csrf = /name="_csrf" value="([^"]+)"/.exec((await visitor.get('/cluster')).text)![1];
  const press = (act: string, _csrf = csrf, headers = {}) =>
    visitor.post('/cluster', new URLSearchParams({ act, name: 'web2', _csrf }), headers);
  expect((await press('kill', 'forged')).status).toBe(403);
  // A page of another site, and one whose name leads here (DNS rebinding).
  const foreign: Record<string, string>[] = [{ Origin: 'http://evil.example' }, { Host: 'evil.example' }];
  for (const headers of foreign) expect((await press('kill', csrf, headers)).status).toBe(403);
  expect(existsSync(`/proc/${state.servers[1].pid}`)).toBe(true);
  expect((await press('kill')).status).toBe(303);
  for (let i = 0; i < 100 && existsSync(`/proc/${state.servers[1].pid}`); i++) await sleep(100);
  expect(existsSync(`/proc/${state.servers[1].pid}`)).toBe(false);
  expect((await press('revive')).status).toBe(303);
  const back = async () => (await client.get('/_server/web2/api/me')).status === 200;
  for (let i = 0; i < 100 && !(await back()); i++) await sleep(100);
  expect(await back()).toBe(true);
  await pressInBrowser(state.url, state.databases[0].port);
  Object.assign(state, JSON.parse(await readFile(stateFile, 'utf8')));

  const pids = [state.nginx, ...state.servers, ...state.databases].map(({ pid }) => pid);
  for (const pid of pids) expect(existsSync(`/proc/${pid}`)).toBe(true);
  demo.kill('SIGKILL');
  const alive = () => pids.filter((pid) => existsSync(`/proc/${pid}`));
  for (let i = 0; i < 100 && alive().length > 0; i++) await sleep(100);
  expect(alive()).toEqual([]);
});

/** The same by a real browser, whose page stays where it is and shows what happens. */
async function pressInBrowser(url: string, port: number): Promise<void> {
  const executable = findChromium();
  if (!executable) return;
  const browser = await launch(executable);
  try {
    const page = await browser.newPage();
    await page.goto(`${url}/cluster`);
    const row = page.locator('[data-server=web3]');
    await row.getByRole('button', { name: 'Freeze web3' }).click();
    await page.getByText('Freeze web3: done.').waitFor();
    await page.locator('[data-place="server:web3"].down').waitFor();
    await row.getByText('Down').waitFor();
    // A MySQL server's buttons stand beside its name and address, and name it as the picture does.
    const database = page.getByRole('listitem').filter({ has: page.getByRole('button', { name: 'Kill mysql1' }) });
    await database.getByText('mysql1', { exact: true }).waitFor();
    await database.getByText(`127.0.0.1:${port}`).waitFor();
    await page.locator('[data-place="node:mysql1"]').getByText('mysql1').waitFor();
    // nginx may give this to the frozen server once, and repeats no POST: whoever sees "failed" presses again.
    const answered = page.getByText(/^Revive web3: (done|failed)\./);
    do {
      await page.evaluate("document.getElementById('answered').textContent = ''");
      await page.getByRole('button', { name: 'Revive web3' }).click();
      await answered.waitFor();
    } while ((await answered.textContent()) !== 'Revive web3: done.');
    await page.locator('[data-place="server:web3"].online').waitFor();
    await row.getByText('Online').waitFor();
  } finally {
    await browser.close();
  }
}
