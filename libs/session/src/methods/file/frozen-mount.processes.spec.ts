// Two network mounts, one of them frozen for seconds: every request is answered, in time, and both hold the same in the end.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { builtModule } from '../../built-file.js';
import { SessionManager } from '../../manager.js';
import { startStores, type StoreProcess } from '../../testing/index.js';
import { Visitor } from '../../testing/visitor.js';
import { FileSessionStore } from './file-session-store.js';
import { FileServer, prepareNetworkMounts } from './testing/file-server.js';
import { patience } from '../../testing/patience.js';

jest.setTimeout(120_000);

const MODULE = builtModule('./testing/open-store.js', import.meta.url);
const secrets = ['the tests sign their files with this secret'];
const NAMES = ['web1', 'web2', 'web3'];
const missing = prepareNetworkMounts();
if (missing) console.error(`NOT TESTED: a frozen mount of the file method; ${missing}.`);

(missing ? describe.skip : describe)('file on two network mounts', () => {
  let root: string;
  let fileServers: FileServer[] = [];
  let processes: StoreProcess[] = [];
  let deadlineMs: number;
  /** After every server has fenced the mount: whoever waits for it waits for longer than is allowed. */
  let frozenMs: number;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'roam-frozen-'));
    const dirs = [join(root, 'disk-a'), join(root, 'disk-b')];
    for (const dir of dirs) await mkdir(dir);
    fileServers = await Promise.all(dirs.map((dir) => new FileServer(dir).listen()));
    // No mount is to be fenced only because this machine stood still.
    deadlineMs = Math.max(2000, 500 * patience());
    frozenMs = Math.max(5000, 2.5 * deadlineMs);
    // Each web server has mounts, and so caches, of its own.
    const settings = await Promise.all(
      NAMES.map(async (serverName) => ({
        serverName,
        secrets,
        deadlineMs,
        dirs: await Promise.all(fileServers.map((server, i) => server.mount(join(root, `${serverName}-${i}`)))),
      })),
    );
    processes = await startStores(MODULE, settings);
  }, 60_000);

  afterAll(async () => {
    for (const server of fileServers) server.thaw();
    await Promise.all(processes.map((process) => process.close()));
    for (const server of fileServers) server.stop();
    await rm(root, { recursive: true, force: true });
  });

  const states = () =>
    Promise.all(
      processes.map(async ({ store }) => {
        const { mounts } = await (
          store as unknown as { stats(): Promise<ReturnType<FileSessionStore['stats']>> }
        ).stats();
        return mounts.map(({ state }) => state);
      }),
    );
  const until = async (condition: () => Promise<boolean>) => {
    while (!(await condition())) await sleep(50);
  };

  const managers = () => processes.map(({ store }) => new SessionManager({ store, secrets, secure: false }));

  /** Visitors who move to another server at each request, and write at each, while `act` acts. */
  async function underTraffic(act: (durations: readonly number[], hasFailed: () => boolean) => Promise<void>) {
    const servers = managers();
    const durations: number[] = [];
    const ended: Visitor[] = [];
    let stop = false;
    let hops = 0;
    const wander = async (name: number) => {
      const visitor = new Visitor();
      await visitor.logIn(servers[name % 3], `user-${name}`);
      let count = 0;
      while (!stop) {
        const start = Date.now();
        await visitor.visit(servers[++hops % 3], (session) => {
          expect(session.count ?? 0).toBe(count);
          session.count = ++count;
        });
        durations.push(Date.now() - start);
        if (name % 4 === 0 && count % 10 === 0) {
          const old = visitor.copy();
          await visitor.visit(servers[++hops % 3], (session) => session.destroy());
          ended.push(old);
          await visitor.logIn(servers[++hops % 3], `user-${name}`);
          count = 0;
        }
        await sleep(20);
      }
      return { visitor, count };
    };
    const all = Promise.all(Array.from({ length: 8 }, (_, i) => wander(i)));
    all.catch(() => (stop = true));
    await sleep(1000);
    await act(durations, () => stop);
    stop = true;
    const visitors = await all;
    for (const old of ended) for (const server of servers) expect(await old.copy().see(server)).toBeUndefined();
    return { durations, visitors, ended };
  }

  it('goes on while one is frozen, and brings it up to date when it is back', async () => {
    let during = 0;
    let fencedMs = 0;
    const { durations, visitors, ended } = await underTraffic(async (durations, hasFailed) => {
      const frozenAt = Date.now();
      fileServers[0].freeze();
      await until(async () => hasFailed() || (await states()).every(([a, b]) => a === 'fenced' && b === 'live'));
      fencedMs = Date.now() - frozenAt;
      const before = durations.length;
      await sleep(frozenMs);
      during = durations.length - before;
      fileServers[0].thaw();
      await until(async () => hasFailed() || (await states()).flat().every((state) => state === 'live'));
      await sleep(500);
    });
    console.log(
      `${durations.length} requests, ${during} of them while it was fenced; slowest ${Math.max(...durations)} ms; ` +
        `fenced everywhere after ${fencedMs} ms`,
    );
    expect(during).toBeGreaterThan(50);
    expect(Math.max(...durations)).toBeLessThan(3 * deadlineMs);
    await expectSame(visitors, ended);
  });

  it('goes on when the connection to one breaks, which is an error at once', async () => {
    const { durations } = await underTraffic(async (_, hasFailed) => {
      fileServers[1].crash();
      await until(async () => hasFailed() || (await states()).every(([a, b]) => a === 'live' && b === 'fenced'));
      await sleep(1000);
    });
    expect(Math.max(...durations)).toBeLessThan(3 * deadlineMs);
  });

  /** Each disk alone knows all that the visitors know. */
  async function expectSame(visitors: readonly { visitor: Visitor; count: number }[], ended: readonly Visitor[]) {
    // Whatever was about to be repaired.
    await until(async () => (await compare(processes[0])) === 0);
    for (const { dir } of fileServers) {
      const store = await FileSessionStore.open({ dirs: [dir], serverName: 'auditor', secrets });
      const alone = new SessionManager({ store, secrets, secure: false });
      for (const { visitor, count } of visitors) {
        const seen = await visitor.copy().see(alone);
        expect(seen).toBeDefined();
        expect(seen!.count ?? 0).toBe(count);
      }
      for (const old of ended) expect(await old.copy().see(alone)).toBeUndefined();
      await store.close();
    }
  }
});

function compare({ store }: StoreProcess): Promise<number> {
  return (store as unknown as { compare(): Promise<number> }).compare();
}
