// The sync store keeps the whole contract in each direction, each server in a process of its own.
import { jest } from '@jest/globals';
import { describeSessionStore } from '../../testing/index.js';
import type { ProcessSettings } from './testing/open-store.js';
import { startServers } from './testing/server-processes.js';
import { freePorts, patient, site } from './testing/site.js';

jest.setTimeout(60_000);

/** @param direction as the option says */
const contract = (name: string, direction: NonNullable<ProcessSettings['direction']>) =>
  describeSessionStore(name, async () => {
    const servers = await startServers(site(await freePorts(3), { timings: patient, direction }));
    return {
      servers: servers.map(({ store }) => store),
      close: async () => void (await Promise.all(servers.map((server) => server.close()))),
    };
  });

contract('sync', 'both-ways');
contract('sync, one way', { oneWay: 'web1' });
contract('sync, one way with successors', { oneWay: ['web1', 'web2', 'web3'] });
