// Both places together keep the contract, in each phase and where servers of neighbouring phases work side by side.
import { MemorySessionStore, SharedMemory } from '../memory/memory-session-store.js';
import { describeSessionStore } from '../testing/index.js';
import { migrating, type MigrationPhase } from './index.js';

const mixes: readonly (readonly MigrationPhase[])[] = [
  ['prepare', 'prepare'],
  ['prepare', 'switch'],
  ['switch', 'switch'],
  ['switch', 'finish'],
  ['finish', 'finish'],
];

for (const [here, there] of mixes.flatMap(([a, b]) =>
  a === b
    ? [[a, b]]
    : [
        [a, b],
        [b, a],
      ],
)) {
  describeSessionStore(`migrating, ${here} beside ${there}`, async () => {
    const [old, young] = [new SharedMemory(), new SharedMemory()];
    const server = (phase: MigrationPhase) =>
      migrating(new MemorySessionStore(old), new MemorySessionStore(young), { phase });
    return { servers: [server(here), server(there)] };
  });
}
