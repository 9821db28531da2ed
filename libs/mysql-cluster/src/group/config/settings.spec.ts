// The keeper's settings: defaults, files, and all faults at once.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { accountStatements } from '../accounts.js';
import { GroupSettingsError, readSettings } from './settings.js';

describe("the keeper's settings", () => {
  it('are read, passwords also from files', () => {
    const dir = mkdtempSync(join(tmpdir(), 'settings-'));
    writeFileSync(join(dir, 'app'), 'from the file\n');
    const settings = readSettings({
      GROUP_NODES: 'mysql1:3307, mysql2,mysql3:3306',
      GROUP_PASSWORD: 'a',
      REPLICATION_PASSWORD: 'b',
      APP_USER: 'roam',
      APP_PASSWORD_FILE: join(dir, 'app'),
    });
    rmSync(dir, { recursive: true });
    expect(settings).toEqual({
      nodes: [
        { name: 'mysql1:3307', host: 'mysql1', port: 3307 },
        { name: 'mysql2', host: 'mysql2', port: 3306 },
        { name: 'mysql3:3306', host: 'mysql3', port: 3306 },
      ],
      admin: { user: 'root', password: 'a' },
      accounts: {
        replication: { user: 'replication', password: 'b' },
        app: { user: 'roam', password: 'from the file', database: 'roam' },
      },
      createAccounts: true,
    });
  });

  it('give every node the same ports of the group', () => {
    const required = { GROUP_NODES: 'a,b', GROUP_PASSWORD: 'a', REPLICATION_PASSWORD: 'b' };
    const { nodes } = readSettings({ ...required, GROUP_PORTS: '33061, 33071, 33081' });
    expect(nodes.map(({ groupPorts }) => groupPorts)).toEqual([
      [33061, 33071, 33081],
      [33061, 33071, 33081],
    ]);
    for (const GROUP_PORTS of ['33061', '33061,33071', '33061,33071,x', '33061,33071,0', '33061,33071,65536'])
      expect(() => readSettings({ ...required, GROUP_PORTS })).toThrow('GROUP_PORTS');
  });

  it('give the migrations an account of their own, or leave all accounts to others', () => {
    const required = { GROUP_NODES: 'a', GROUP_PASSWORD: 'a', REPLICATION_PASSWORD: 'b' };
    const migrator = { MIGRATION_USER: 'migrator', MIGRATION_PASSWORD: 'c' };
    const { accounts } = readSettings({ ...required, APP_USER: 'roam', APP_PASSWORD: 'd', ...migrator });
    expect(accounts.migrations).toEqual({ user: 'migrator', password: 'c' });
    const statements = accountStatements(accounts);
    expect(statements).toContain("GRANT SELECT ON `roam`.* TO 'roam'@'%'");
    expect(statements).toContain("GRANT ALL PRIVILEGES ON `roam`.* TO 'migrator'@'%' WITH GRANT OPTION");
    expect(statements.filter((one) => one.includes("'roam'@'%'")).join()).not.toContain('ALL');
    expect(() => readSettings({ ...required, ...migrator })).toThrow('MIGRATION_USER needs APP_USER');
    expect(readSettings({ ...required, GROUP_CREATE_ACCOUNTS: 'off' }).createAccounts).toBe(false);
    expect(() => readSettings({ ...required, GROUP_CREATE_ACCOUNTS: 'no' })).toThrow('GROUP_CREATE_ACCOUNTS');
  });

  it('are refused with every fault', () => {
    const read = () => readSettings({ GROUP_NODES: 'a:b,c:99999', GROUP_PASSWORD_FILE: '/nowhere', APP_USER: 'roam' });
    expect(read).toThrow(GroupSettingsError);
    for (const fault of ['"a:b"', '"c:99999"', 'GROUP_PASSWORD_FILE', 'REPLICATION_PASSWORD', 'APP_PASSWORD'])
      expect(read).toThrow(fault);
  });
});
