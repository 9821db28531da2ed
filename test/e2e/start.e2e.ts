// What a wrong start says: every wrong setting at once, a database that is not there, a port in use, no MySQL at all.
import { createServer, type AddressInfo, type Server } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { startDatabases, type Databases } from '@roam/local-stack';
import { runNode } from '../support/run.js';

jest.setTimeout(120_000);

const WEB = 'apps/web/dist/main.js';
const DEMO = 'apps/demo/dist/main.js';
const SECRET = 'a secret that only this test knows';

let blocker: Server | undefined;
let databases: Databases | undefined;
afterEach(async () => {
  blocker?.close();
  await databases?.stop();
  blocker = databases = undefined;
});

/** A port that something else listens on. */
async function takenPort(): Promise<number> {
  blocker = createServer();
  await new Promise<void>((listening) => blocker!.listen(0, '127.0.0.1', listening));
  return (blocker.address() as AddressInfo).port;
}

describe('a web server', () => {
  it('names every wrong setting at once and exits with 1', async () => {
    const { code, stderr, stdout } = await runNode([WEB], {
      PORT: 'eighty',
      DATABASE_URLS: 'postgres://localhost/roam',
      SESSION_METHOD: 'carrier-pigeon',
      SESSION_SECRETS: 'short',
      SESSION_IDLE_SECONDS: '-5',
      PUBLIC_URL: 'not a url',
    });
    expect(code).toBe(1);
    const names = ['PORT', 'DATABASE_URLS', 'SESSION_METHOD', 'SESSION_SECRETS', 'SESSION_IDLE_SECONDS', 'PUBLIC_URL'];
    for (const name of names) expect(stderr + stdout).toContain(name);
    expect(stderr + stdout).not.toContain('short,');
  });

  it('refuses to start without secrets', async () => {
    const { code, stderr, stdout } = await runNode([WEB], { DATABASE_URLS: 'mysql://a:b@127.0.0.1:1/roam' });
    expect(code).toBe(1);
    expect(stderr + stdout).toContain('SESSION_SECRETS');
  });

  it('waits for a MySQL that is not there, says so, then exits with the reason', async () => {
    // Nothing listens on port 1.
    const { code, stderr, stdout } = await runNode([WEB], {
      PORT: '0',
      METRICS_PORT: '0',
      DATABASE_URLS: 'mysql://roam:secret@127.0.0.1:1/roam',
      MIGRATION_DATABASE_URLS: 'mysql://migrator:secret@127.0.0.1:1/roam',
      SESSION_SECRETS: SECRET,
    });
    expect(code).toBe(1);
    expect(stdout + stderr).toMatch(/waiting for MySQL/i);
    expect(stdout + stderr).toContain('127.0.0.1:1');
    expect(stdout + stderr).toContain('ECONNREFUSED');
    expect(stdout + stderr).toContain('MIGRATION_DATABASE_URLS is set and not used');
    expect(stdout + stderr).not.toContain('secret@');
  });

  it('says which port is in use', async () => {
    databases = await startDatabases({ count: 1, topology: 'single' });
    const settings = { DATABASE_URLS: databases.urls.join(','), SESSION_SECRETS: SECRET, HOST: '127.0.0.1' };
    expect(await runNode(['apps/web/dist/migrate.js'], settings)).toMatchObject({ code: 0 });
    const port = await takenPort();
    const { code, stdout, stderr } = await runNode([WEB], { ...settings, PORT: String(port), METRICS_PORT: '0' });
    expect(code).toBe(1);
    expect(stdout + stderr).toContain(String(port));
    expect(stdout + stderr).toMatch(/in use/i);
  });
});

describe('the demo', () => {
  it('says which port is in use', async () => {
    const port = await takenPort();
    const { code, stderr } = await runNode([DEMO, '--port', String(port), '--exit']);
    expect(code).toBe(1);
    expect(stderr).toContain(`Port ${port} is in use`);
  });

  it('says all that is wrong with its flags', async () => {
    const { code, stderr } = await runNode([DEMO, '--servers', 'many', '--topology', 'star', '--method', 'hope']);
    expect(code).not.toBe(0);
    for (const word of ['--servers', '--topology', '--method']) expect(stderr).toContain(word);
  });

  it('says what it tried when no MySQL can be had', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'roam-nothing-'));
    const env = { MYSQLD: join(empty, 'mysqld') };
    const chosen = await runNode([DEMO, '--port', '0', '--exit'], env);
    const nothing = await runNode([DEMO, '--port', '0', '--exit'], { PATH: empty });
    await rm(empty, { recursive: true });
    expect([chosen.code, nothing.code]).toEqual([1, 1]);
    expect(chosen.stderr).toContain(`MYSQLD=${env.MYSQLD}`);
    expect(chosen.stderr).toContain('Install MySQL');
    expect(nothing.stderr).toMatch(/was not found. Tried:\n {2}- the PATH.*\n {2}- .*\n {2}- Docker/);
    expect(nothing.stderr).toContain('Install');
  });
});
