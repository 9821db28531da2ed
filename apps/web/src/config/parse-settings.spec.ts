// The settings: defaults, the _FILE forms, and every fault reported at once.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { rootCertificates } from 'node:tls';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InvalidSettingsError, parseSettings, type Environment } from './parse-settings.js';

const secret = 'Vt7mHq2zLw9sXc4bNk8rYp3eJd6fGa5u';
const usable = { DATABASE_URLS: 'mysql://roam:pw@127.0.0.1:3306/roam', SESSION_SECRETS: secret };

function faultsOf(environment: Environment): readonly string[] {
  try {
    parseSettings(environment);
    return [];
  } catch (error) {
    if (error instanceof InvalidSettingsError) return error.faults;
    throw error;
  }
}

describe('parseSettings', () => {
  it('needs only the databases and a secret', () => {
    const config = parseSettings(usable);
    expect(config.server.port).toBe(3000);
    expect(config.server.metricsPort).toBe(9464);
    expect(config.server.publicUrl.origin).toBe('http://localhost:8080');
    expect(config.server.show).toBe(false);
    expect(config.secure).toBe(false);
    expect(config.session.method).toBe('mysql');
    expect(config.session.idleMs).toBe(1_800_000);
    expect([config.session.outage, config.server.standbyPort]).toEqual(['deny', undefined]);
    expect(config.session.rememberLifetimeMs).toBe(2_592_000_000);
    expect(config.accounts.secondFactor).toBe('optional');
  });

  it('takes an authority for the databases only as its certificate', () => {
    const [certificate] = rootCertificates;
    expect(parseSettings({ ...usable, DATABASE_CA: certificate }).database.ca).toBe(certificate);
    expect(faultsOf({ ...usable, DATABASE_CA: 'ca.pem' })).toEqual([expect.stringMatching(/^DATABASE_CA must/)]);
  });

  it('takes who must have a second factor', () => {
    expect(parseSettings({ ...usable, SECOND_FACTOR: 'admins' }).accounts.secondFactor).toBe('admins');
    expect(faultsOf({ ...usable, SECOND_FACTOR: 'sometimes' })).toEqual([expect.stringMatching(/^SECOND_FACTOR must/)]);
  });

  it('asks nobody about passwords unless a service is named, up to its last slash', () => {
    const service = 'https://api.pwnedpasswords.com/range/';
    expect(parseSettings(usable).accounts.breachedPasswordsUrl).toBeUndefined();
    expect(parseSettings({ ...usable, BREACHED_PASSWORDS_URL: service }).accounts.breachedPasswordsUrl).toBe(service);
    for (const wrong of ['on', 'https://api.pwnedpasswords.com/range', `${service}?mode=ntlm`, 'file:///range/'])
      expect(faultsOf({ ...usable, BREACHED_PASSWORDS_URL: wrong })).toEqual([
        expect.stringMatching(/^BREACHED_PASSWORDS_URL must be the address/),
      ]);
  });

  it('takes the outage policy read-only together with a port that stays open', () => {
    expect(faultsOf({ ...usable, SESSION_OUTAGE: 'read-only', STANDBY_PORT: '3000' })).toEqual([
      expect.stringMatching(/^STANDBY_PORT must be neither/),
    ]);
    expect(faultsOf({ ...usable, SESSION_OUTAGE: 'sometimes' })).toHaveLength(1);
    const config = parseSettings({ ...usable, SESSION_OUTAGE: 'read-only' });
    expect([config.session.outage, config.server.standbyPort]).toEqual(['read-only', 3001]);
    // Set beside `deny` it opens nothing.
    expect(parseSettings({ ...usable, STANDBY_PORT: '3002' }).server.standbyPort).toBeUndefined();
  });

  it('takes several databases and secrets, and https as secure', () => {
    const other = [...secret].reverse().join('');
    const config = parseSettings({
      ...usable,
      DATABASE_URLS: 'mysql://u:p@a:1/d, mysql://u:p@b:2/d',
      SESSION_SECRETS: `${secret},${other}`,
      PUBLIC_URL: 'https://roam.test',
      SHOW_SERVER: 'ON',
    });
    expect(config.database.urls).toEqual(['mysql://u:p@a:1/d', 'mysql://u:p@b:2/d']);
    expect(config.session.secrets).toEqual([secret, other]);
    expect(config.secure).toBe(true);
    expect(config.server.show).toBe(true);
  });

  it('takes another account of the same database for the migrations', () => {
    const migrations = 'mysql://migrator:pw@127.0.0.1:3306/roam';
    const withMigrations = (MIGRATION_DATABASE_URLS: string) => ({ ...usable, MIGRATION_DATABASE_URLS });
    expect(parseSettings(usable).database.migrationUrls).toBeUndefined();
    expect(parseSettings(withMigrations(migrations)).database.migrationUrls).toEqual([migrations]);
    for (const [wrong, fault] of [
      ['migrator', /^MIGRATION_DATABASE_URLS must be mysql:/],
      [usable.DATABASE_URLS, /^MIGRATION_DATABASE_URLS must name another account/],
      ['mysql://migrator:pw@127.0.0.1:3306/other', /^MIGRATION_DATABASE_URLS must name the same database/],
    ] as const)
      expect(faultsOf(withMigrations(wrong))).toEqual([expect.stringMatching(fault)]);
  });

  it('reports every fault at once', () => {
    const faults = faultsOf({
      PORT: 'http',
      PUBLIC_URL: 'localhost',
      SESSION_SECRETS: 'short',
      SESSION_METHOD: 'redis',
      SESSION_IDLE_SECONDS: '-1',
      TRUSTED_PROXIES: '10.0.0.0/40',
      SHOW_SERVER: 'perhaps',
    });
    expect(faults.map((fault) => fault.split(' ')[0]).sort()).toEqual([
      'DATABASE_URLS',
      'PORT',
      'PUBLIC_URL',
      'SESSION_IDLE_SECONDS',
      'SESSION_METHOD',
      'SESSION_SECRETS',
      'SHOW_SERVER',
      'TRUSTED_PROXIES',
    ]);
  });

  it.each([
    ['missing', undefined, /is required/],
    ['empty', '  ', /is required/],
    ['short', 'a1b2c3', /shorter than 32/],
    ['a known example', 'change-me-change-me-change-me-change-me', /known example/],
    ['one character repeated', 'x'.repeat(64), /easily guessed/],
    ['short in second place', `${secret},short`, /number 2 is shorter/],
    ['twice the same', `${secret},${secret}`, /same secret twice/],
  ])('refuses session secrets that are %s (CVE-2023-27524, CVE-2019-5420)', (_, secrets, expected) => {
    expect(faultsOf({ ...usable, SESSION_SECRETS: secrets }).join()).toMatch(expected);
  });

  it('takes every method with what it needs', () => {
    expect(parseSettings({ ...usable, SESSION_METHOD: 'cookie' }).session.method).toBe('cookie');
    const file = parseSettings({ ...usable, SESSION_METHOD: 'file', SESSION_DIRS: '/mnt/a, /mnt/b' });
    expect(file.session.dirs).toEqual(['/mnt/a', '/mnt/b']);
    const sync = {
      ...usable,
      SESSION_METHOD: 'sync',
      SYNC_LISTEN: '0.0.0.0:7946',
      SYNC_PEERS: 'web1:7946,web2:7946',
      SYNC_SECRET: secret,
    };
    expect(parseSettings(sync).sync).toEqual({
      host: '0.0.0.0',
      port: 7946,
      peers: ['web1:7946', 'web2:7946'],
      secret,
    });
    const oneWay = parseSettings({ ...sync, SYNC_PEERS: 'web', SYNC_DIRECTION: 'one-way:web1' }).sync;
    expect(oneWay).toMatchObject({ peers: ['web'], oneWay: ['web1'], takesBack: false });
    const order = { SYNC_DIRECTION: 'one-way:web1,web2,web3', SYNC_TAKE_BACK: 'on' };
    expect(parseSettings({ ...sync, ...order }).sync).toMatchObject({
      oneWay: ['web1', 'web2', 'web3'],
      takesBack: true,
    });
    for (const direction of ['one-way', 'one-way:', 'one-way:web1,', 'one-way:web1,web2,web1'])
      expect(faultsOf({ ...sync, SYNC_DIRECTION: direction }).join()).toMatch(/^SYNC_DIRECTION /);
  });

  it('says what a method lacks', () => {
    expect(faultsOf({ ...usable, SESSION_METHOD: 'file' }).join()).toContain('SESSION_DIRS is required');
    expect(faultsOf({ ...usable, SESSION_METHOD: 'sync' }).map((fault) => fault.split(' ')[0])).toEqual([
      'SYNC_LISTEN',
      'SYNC_SECRET',
      'SYNC_PEERS',
    ]);
    const wrong = {
      ...usable,
      SESSION_METHOD: 'redis',
      SESSION_DIRS: 'relative',
      SYNC_LISTEN: '7946',
      SYNC_PEERS: 'web1,web2',
      SYNC_SECRET: 'short',
      SYNC_DIRECTION: 'sideways',
    };
    expect(faultsOf(wrong)).toHaveLength(6);
    expect(faultsOf(wrong).join()).toContain('must be cookie, sync, file, mysql or memory, not "redis"');
  });

  it('takes sessions over from another method, in a phase', () => {
    const moving = { ...usable, SESSION_MIGRATE_FROM: 'cookie', SESSION_MIGRATE_PHASE: 'prepare' };
    const config = parseSettings(moving);
    expect(config.session.migrate).toEqual({ from: 'cookie', phase: 'prepare' });
    expect(config.methods).toEqual(['cookie', 'mysql']);
    expect(faultsOf({ ...moving, SESSION_MIGRATE_PHASE: undefined }).join()).toContain('belong together');
    expect(faultsOf({ ...moving, SESSION_MIGRATE_FROM: 'mysql' }).join()).toContain('another method');
    expect(faultsOf({ ...moving, SESSION_MIGRATE_PHASE: 'begin' }).join()).toContain('prepare, switch or finish');
    expect(faultsOf({ ...moving, SESSION_MIGRATE_FROM: 'file' }).join()).toContain('SESSION_DIRS');
  });

  it('refuses limits that contradict each other', () => {
    const faults = faultsOf({
      ...usable,
      SESSION_IDLE_SECONDS: '100',
      SESSION_LIFETIME_SECONDS: '50',
      SESSION_TOUCH_SECONDS: '100',
      PORT: '4000',
      METRICS_PORT: '4000',
    });
    expect(faults).toHaveLength(3);
  });

  it('never repeats a secret or a password in a fault', () => {
    const message = faultsOf({ DATABASE_URLS: 'http://u:hunter2@h/d', SESSION_SECRETS: 'hunter3' }).join();
    expect(message).not.toMatch(/hunter/);
  });

  describe('with _FILE', () => {
    let folder: string;
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'settings-'));
    });
    afterEach(() => rmSync(folder, { recursive: true }));

    it('reads the secret from the file, without its line end', () => {
      const file = join(folder, 'secrets');
      writeFileSync(file, `${secret}\n`);
      const config = parseSettings({ DATABASE_URLS: usable.DATABASE_URLS, SESSION_SECRETS_FILE: file });
      expect(config.session.secrets).toEqual([secret]);
    });

    it('says which file cannot be read, and refuses both forms together', () => {
      const missing = join(folder, 'missing');
      expect(faultsOf({ ...usable, SESSION_SECRETS: undefined, SESSION_SECRETS_FILE: missing })).toEqual([
        `SESSION_SECRETS_FILE: the file ${missing} cannot be read (ENOENT)`,
      ]);
      expect(faultsOf({ ...usable, SESSION_SECRETS_FILE: missing }).join()).toContain('are both set');
    });
  });
});
