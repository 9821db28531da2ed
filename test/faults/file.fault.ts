// Sessions as files on two network mounts, three web servers that mount both, nginx: a mount hangs, servers die and freeze.
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startStack, type Stack } from '@roam/local-stack';
import { FileServer, prepareNetworkMounts } from '../../libs/session/src/methods/file/testing/file-server.js';
import { expectHarmless } from './expect-outcome.js';
import { fillMount, hangMount, killDatabases, shiftClocks } from './method-nemeses.js';
import { freezeServer, killServer, rollingRestart } from './nemeses.js';
import { perSecond } from './settings.js';
import { Scene } from './scene.js';

jest.setTimeout(30 * 60_000);

/** The file servers and their six mounts are processes too, on the same processors. */
const share = 1 / 4;

const missing = process.getuid?.() === 0 ? prepareNetworkMounts() : 'run as root on Linux';
if (missing) console.error(`NOT TESTED: faults of the file method; ${missing}.`);

(missing ? describe.skip : describe)('file, two mounts', () => {
  let root: string | undefined;
  let disks: string[] = [];
  let fileServers: FileServer[] = [];
  let stack: Stack;

  beforeAll(async () => {
    const folder = (root = await mkdtemp(join(tmpdir(), 'roam-mounts-')));
    disks = ['disk-a', 'disk-b'].map((name) => join(folder, name));
    const served = disks.map((disk) => join(disk, 'served'));
    for (const disk of disks) {
      await mkdir(disk);
      // Small enough to be filled.
      expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=128m', 'tmpfs', disk]).status).toBe(0);
    }
    for (const folder of served) await mkdir(folder);
    fileServers = await Promise.all(served.map((folder) => new FileServer(folder).listen()));
    stack = await startStack({ topology: 'single', env: { SESSION_METHOD: 'file' } });
    // Each web server has mounts, and so caches, of its own.
    await Promise.all(stack.servers.map((server) => server.stop()));
    for (const server of stack.servers) {
      const mounts = fileServers.map((fileServer, i) => fileServer.mount(join(folder, `${server.name}-${i}`)));
      server.configure({ SESSION_DIRS: (await Promise.all(mounts)).join(',') });
    }
    await Promise.all(stack.servers.map((server) => server.start()));
  }, 180_000);

  afterAll(async () => {
    for (const fileServer of fileServers) fileServer.thaw();
    await stack?.stop();
    for (const fileServer of fileServers) fileServer.stop();
    for (const disk of disks) spawnSync('umount', ['-l', disk]);
    if (root) await rm(root, { recursive: true, force: true });
  });

  const faults = [
    hangMount(() => fileServers),
    fillMount(() => disks),
    killServer,
    rollingRestart,
    freezeServer,
    killDatabases,
    shiftClocks,
  ];
  it.each(faults)('$name', (fault) =>
    expectHarmless(new Scene({ stack, method: 'file', perSecond: share * perSecond }), fault),
  );
});
