// Both places together keep the contract, in each phase and where servers of neighbouring phases work side by side.
import { describe, expect, it } from '@jest/globals';
import { MemorySessionStore, SharedMemory } from '../methods/memory/memory-session-store.js';
import { CookieSessions, MemoryRevocationList, type CookieSessionOptions } from '../methods/cookie/index.js';
import { isSealed, type SealedSessions } from '../carriers/sealed.js';
import type { SessionStore } from '../port/store.js';
import { describeSealedSessions, describeSessionStore } from '../testing/index.js';
import { aRecord, next, payload } from '../testing/a-record.js';
import { slowMemory } from '../testing/slow-memory.js';
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
    const server = (phase: MigrationPhase) => migrating(slowMemory(old), slowMemory(young), { phase });
    return { servers: [server(here), server(there)] };
  });
}

const DAY = 24 * 3_600_000;
const [KEY, NEW_KEY] = ['k'.repeat(32), 'n'.repeat(32)];

for (const phase of ['prepare', 'switch', 'finish'] as const) {
  for (const direction of ['from the token', 'into the token'] as const) {
    const open = async () => {
      const [memory, revocations] = [new SharedMemory(), new MemoryRevocationList()];
      const server = (options: Partial<CookieSessionOptions> = {}) => {
        const kept = slowMemory(memory);
        const common = { secrets: [KEY], audience: 'https://roam.example', revocations, lifetimeMs: 30 * DAY };
        const sealed = new CookieSessions({ ...common, ...options });
        return direction === 'from the token' ? migrating(sealed, kept, { phase }) : migrating(kept, sealed, { phase });
      };
      const other = (options: Partial<CookieSessionOptions>) => server(options) as unknown as SealedSessions;
      return {
        servers: [server(), server()],
        sealed: {
          rotated: other({ secrets: [NEW_KEY, KEY] }),
          foreign: [other({ secrets: [NEW_KEY] }), other({ audience: 'https://other.example' })],
        },
      };
    };
    const isOwnSealed = (direction === 'from the token') === (phase === 'prepare');
    const contract = isOwnSealed ? describeSealedSessions : describeSessionStore;
    contract(`migrating ${direction}, ${phase}`, async () => {
      const opened = await open();
      if (isSealed(opened.servers[0]) !== isOwnSealed) throw new Error('The browser gets the wrong kind of token.');
      return opened;
    });
  }
}

describe('two copies of which one is far behind', () => {
  it.each(['prepare', 'switch'] as const)('are read as the newer, in %s', async (phase) => {
    const [old, young] = [new MemorySessionStore(), new MemorySessionStore()];
    const site = migrating(old, young, { phase }) as SessionStore;
    for (const [ahead, behind] of [
      [old, young],
      [young, old],
    ]) {
      let record = aRecord();
      await ahead.create(record);
      // The versions of two places tell nothing about each other.
      await behind.create({ ...record, version: 100 });
      for (let i = 0; i < 40; i++) {
        const writes = [...record.writes, `write-${i}`].slice(-16);
        const later = next(record, { payload: payload({ i }), idleEndsAt: record.idleEndsAt + 1, writes });
        await ahead.update(later, record);
        record = later;
        if (i === 5 || i === 39) expect((await site.find(record.id))?.record.payload).toBe(record.payload);
      }
    }
  });
});
