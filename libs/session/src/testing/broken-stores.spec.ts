// The kit is only worth what it catches: each of the broken stores must fail the test that is named.
import { describe, expect, it, jest } from '@jest/globals';
import { StoreUnavailableError } from '../core/errors.js';
import { MemorySessionStore, SharedMemory } from '../methods/memory/memory-session-store.js';
import { brokenGathering, GatheringStore } from './broken-gathering.js';
import { brokenLives } from './broken-lives.js';
import { brokenStores, WholeStore, type StoreOnMemory } from './broken-stores.js';
import { describeRoomForUsers, describeSessionStore, type StoreUnderTest } from './index.js';
import { failuresOf } from './runner.js';

// Each runs the whole kit.
jest.setTimeout(30_000);

/** A memory that can be made unable to answer. */
async function open(StoreClass: StoreOnMemory): Promise<StoreUnderTest> {
  const shared = new SharedMemory();
  const { records } = shared;
  const down = new Proxy(records, {
    get: () => {
      throw new StoreUnavailableError('The memory does not answer, on purpose.');
    },
  });
  const use = (now: typeof records) => Object.assign(shared, { records: now });
  const cut = async () => {
    use(down);
    return async () => void use(records);
  };
  return { servers: [new StoreClass(shared), new StoreClass(shared)], cut };
}

const failures = (StoreClass: StoreOnMemory) =>
  failuresOf((runner) => describeSessionStore('under test', () => open(StoreClass), runner));

describe('the contract kit', () => {
  it('finds no fault with a store that is whole, also one that writes changes together', async () => {
    expect(await failures(WholeStore)).toEqual([]);
    expect(await failures(GatheringStore)).toEqual([]);
  });

  it('catches it when visitors may fill the store', async () => {
    class Greedy extends MemorySessionStore {
      override get isForUsersOnly() {
        return this.isFull;
      }
      isFull = false;
      override create = (...args: Parameters<MemorySessionStore['create']>) =>
        super.create(...args).catch((error: unknown) => {
          this.isFull = true;
          throw error;
        });
    }
    const greedy = async () => {
      const memory = new SharedMemory();
      return { servers: [new Greedy(memory, 40), new Greedy(memory, 40)] };
    };
    const names = (await failuresOf((runner) => describeRoomForUsers('under test', greedy, runner))).map(
      ({ test }) => test,
    );
    expect(names).toContainEqual(expect.stringContaining('signs users in on each server'));
  });

  for (const [fault, { store, caughtBy }] of Object.entries({ ...brokenStores, ...brokenLives, ...brokenGathering })) {
    it(`catches it when ${fault}`, async () => {
      const names = (await failures(store)).map(({ test }) => test);
      expect(names).toContainEqual(expect.stringContaining(caughtBy));
    });
  }
});
