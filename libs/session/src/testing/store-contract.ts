// The port's promises, one test each: what every store must do, seen from two servers that share it.
import { isSealed } from '../carriers/sealed.js';
import { bothOrNeither } from './contract/store/both-or-neither.js';
import { compareAndSet } from './contract/store/compare-and-set.js';
import { faultsAreNotAbsences } from './contract/store/faults-are-not-absences.js';
import { idleLimit } from './contract/store/idle-limit.js';
import { keepsWhatWasCreated } from './contract/store/keeps-what-was-created.js';
import { lives } from './contract/store/lives.js';
import { noRevival } from './contract/store/no-revival.js';
import { StoreKit } from './contract/store/store-kit.js';
import { sweep } from './contract/store/sweep.js';
import { usersSessions } from './contract/store/users-sessions.js';
import { jestRunner, type TestRunner } from './runner.js';
import type { StoreUnderTest } from './store-under-test.js';

const promises = [keepsWhatWasCreated, compareAndSet, idleLimit, noRevival, bothOrNeither, sweep, usersSessions, lives];

/** Asserts that a store keeps the promises of `SessionStore` and, where it is one, `SessionIndex`. */
export function describeStoreContract(
  name: string,
  open: () => Promise<StoreUnderTest>,
  runner: TestRunner = jestRunner,
): void {
  runner.describe(`${name}: the store's contract`, () => {
    const kit = new StoreKit(runner);
    runner.beforeAll(async () => {
      kit.opened = await open();
      if (kit.opened.servers.some(isSealed))
        throw new Error('A sealed store keeps nothing on the server: run only the session contract for it.');
    });
    runner.afterAll(() => kit.opened.close?.());
    for (const promise of [...promises, faultsAreNotAbsences]) promise(kit);
  });
}
