// The cookie method's revocation list on the `sync` method: three servers that share tombstones and epochs in memory.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CookieSessions, type CookieSessionOptions } from '../cookie/cookie-sessions.js';
import { SyncRevocationList } from '../cookie/revocation/sync-revocation-list.js';
import { describeSealedSessions } from '../../testing/index.js';
import { aRecord } from '../../testing/a-record.js';
import { SyncSessionStore } from './sync-session-store.js';
import { freePorts, site } from './testing/site.js';

const [KEY, NEW_KEY] = ['k'.repeat(32), 'n'.repeat(32)];
const MONTH_MS = 30 * 24 * 3_600_000;

const cookiesOn = (server: SyncSessionStore, more: Partial<CookieSessionOptions> = {}) =>
  new CookieSessions({
    secrets: [KEY],
    audience: 'https://roam.example',
    lifetimeMs: MONTH_MS,
    revocations: new SyncRevocationList(server),
    ...more,
  });

let servers: SyncSessionStore[];
beforeAll(async () => {
  servers = await Promise.all(site(await freePorts(3)).map((settings) => SyncSessionStore.open(settings)));
});
afterAll(() => Promise.all(servers.map((server) => server.close())));

describeSealedSessions('cookie, ended by a list on sync', async () => ({
  servers: servers.map((server) => cookiesOn(server)),
  sealed: {
    rotated: cookiesOn(servers[1], { secrets: [NEW_KEY, KEY] }),
    foreign: [cookiesOn(servers[0], { secrets: [NEW_KEY] })],
  },
}));

describe('a logout on one server', () => {
  it('is one on all of them when it is acknowledged, for sessions that none has ever held', async () => {
    for (let i = 0; i < 50; i++) {
      const record = aRecord();
      await cookiesOn(servers[i % 3]).destroy(record.id);
      for (const server of servers) expect(await cookiesOn(server).admit(record)).toBeUndefined();
    }
    expect(servers[0].stats()).toMatchObject({ sessions: 0 });
    expect(servers[0].stats().tombstones).toBeGreaterThanOrEqual(50);
  });
});
