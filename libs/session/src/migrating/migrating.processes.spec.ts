// Both places together keep the whole contract over three processes, on two real servers, also where phases meet.
import { afterAll, beforeAll, jest } from '@jest/globals';
import { startRedis, type RedisServer } from '@roam/local-stack';
import { describeSessionStore, startStores } from '../testing/index.js';
import type { MigrationPhase } from './index.js';

jest.setTimeout(30_000);

let places: RedisServer[];

beforeAll(async () => {
  places = [await startRedis(), await startRedis()];
}, 180_000);
afterAll(() => Promise.all(places?.map((place) => place.stop()) ?? []));

const sites: readonly (readonly MigrationPhase[])[] = [
  ['prepare', 'prepare', 'prepare'],
  ['prepare', 'switch', 'prepare'],
  ['switch', 'prepare', 'switch'],
  ['switch', 'finish', 'finish'],
  ['finish', 'finish', 'finish'],
];

for (const phases of sites) {
  describeSessionStore(`migrating, three processes: ${phases.join(', ')}`, async () => {
    const module = new URL('migrating-server.fixture.mjs', import.meta.url).href;
    const [from, to] = places.map(({ url }) => url);
    const servers = await startStores(
      module,
      phases.map((phase) => ({ from, to, phase })),
    );
    // Where the first server does without the new place, nothing would fail.
    const cut = async () => {
      places[1].process.freeze();
      return async () => places[1].process.thaw();
    };
    const close = async () => void (await Promise.all(servers.map((server) => server.close())));
    return { servers: servers.map(({ store }) => store), close, ...(phases[0] !== 'prepare' && { cut }) };
  });
}
