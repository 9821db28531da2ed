// @roam/session/testing: the contract kit. Call both with a store of yours: `describeSessionStore('mine', open)`.
import { describeSessionContract } from './session-contract.js';
import type { TestRunner } from './runner.js';
import { describeStoreContract } from './store-contract.js';
import type { StoreUnderTest } from './store-under-test.js';

export type { StoreUnderTest };
export { describeRoomForUsers } from './contract/room-for-users.js';
export { slowed } from './slow-memory.js';
export { brokenStores, WholeStore, type StoreOnMemory } from './broken-stores.js';
export { startStores, type OpenStore, type StoreProcess } from './store-processes.js';

/** Runs the whole contract on a store: the port's promises, and the invariants of sessions through the module. */
export function describeSessionStore(name: string, open: () => Promise<StoreUnderTest>, runner?: TestRunner): void {
  describeStoreContract(name, open, runner);
  describeSessionContract(name, open, runner);
}

/** The second half alone, for a store that leaves the session with the browser (`SealedSessions`). */
export { describeSessionContract as describeSealedSessions };
