// The sync store keeps the whole contract, each server in a process of its own.
import { jest } from '@jest/globals';
import { describeSessionStore } from '../testing/index.js';
import { freePorts, patient, site, startServers } from './testing.js';

jest.setTimeout(60_000);

describeSessionStore('sync', async () => {
  const servers = await startServers(site(await freePorts(3), { timings: patient }));
  return {
    servers: servers.map(({ store }) => store),
    close: async () => void (await Promise.all(servers.map((server) => server.close()))),
  };
});
