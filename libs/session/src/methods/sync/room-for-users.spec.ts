// The memory of the `sync` method is full of visitors: users sign in on each server.
import { jest } from '@jest/globals';
import { describeRoomForUsers } from '../../testing/index.js';
import type { SyncOptions } from './options.js';
import { SyncSessionStore } from './sync-session-store.js';
import { freePorts, patient, site } from './testing/site.js';

jest.setTimeout(60_000);

const room = (name: string, bounds: Partial<SyncOptions>) =>
  describeRoomForUsers(name, async () => {
    const settings = site(await freePorts(3), { timings: patient });
    const servers = await Promise.all(settings.map((each) => SyncSessionStore.open({ ...each, ...bounds })));
    return { servers, close: async () => void (await Promise.all(servers.map((store) => store.close()))) };
  });

room('sync, by number', { maxSessions: 40 });
room('sync, by bytes', { maxBytes: 100_000 });
room('sync, one way, by number', { maxSessions: 40, direction: { oneWay: ['web1', 'web2', 'web3'] } });
