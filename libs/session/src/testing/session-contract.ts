// The invariants of sessions (docs/architecture.md, "Invariants"), one test each, through the module on any store.
import { bothLimits } from './contract/both-limits.js';
import { countsOnce } from './contract/counts-once.js';
import { endOfAllSessions } from './contract/end-of-all-sessions.js';
import { faultsAreNotAbsences } from './contract/faults-are-not-absences.js';
import { jsonOnly } from './contract/json-only.js';
import { Kit } from './contract/kit.js';
import { listOfSessions } from './contract/list-of-sessions.js';
import { movingBetweenServers } from './contract/moving-between-servers.js';
import { newTokenAtSignIn } from './contract/new-token-at-sign-in.js';
import { noLostUpdate } from './contract/no-lost-update.js';
import { noRevival } from './contract/no-revival.js';
import { nothingSecretAtRest } from './contract/nothing-secret-at-rest.js';
import { onlyWhatWeIssued } from './contract/only-what-we-issued.js';
import { outage } from './contract/outage.js';
import { readWhatYouSaw } from './contract/read-what-you-saw.js';
import { repeatedSignIn } from './contract/repeated-sign-in.js';
import { rollingDeploys } from './contract/rolling-deploys.js';
import { sealedInTheToken } from './contract/sealed-in-the-token.js';
import { shortened, shortenedAtOnce, shortenedBesideOthers } from './contract/shortened.js';
import { signOutInAnOutage } from './contract/sign-out-in-an-outage.js';
import { storedExactly } from './contract/stored-exactly.js';
import { theftShows } from './contract/theft-shows.js';
import { touches } from './contract/touches.js';
import { jestRunner, type TestRunner } from './runner.js';
import type { StoreUnderTest } from './store-under-test.js';

/** Asserts that sessions kept in this store keep every invariant that its capabilities promise. */
export function describeSessionContract(
  name: string,
  open: () => Promise<StoreUnderTest>,
  runner: TestRunner = jestRunner,
): void {
  runner.describe(`${name}: the invariants of sessions`, () => {
    const kit = new Kit(runner);
    runner.beforeAll(async () => {
      kit.opened = await open();
    });
    runner.afterAll(() => kit.opened.close?.());
    runner.beforeEach(() => kit.reset());

    const group = (title: string, ...invariants: ((kit: Kit) => void)[]) =>
      runner.describe(title, () => invariants.forEach((invariant) => invariant(kit)));
    group('moving between servers', movingBetweenServers);
    group('no lost update', noLostUpdate, countsOnce);
    group('a login that a proxy repeats on another server', repeatedSignIn);
    group('no revival', noRevival);
    group('read what you saw', readWhatYouSaw);
    group("both limits, by the server's clock", bothLimits, shortened, shortenedBesideOthers, shortenedAtOnce, touches);
    group('tokens', newTokenAtSignIn, theftShows, onlyWhatWeIssued, nothingSecretAtRest);
    group('content', jsonOnly, storedExactly, rollingDeploys);
    group("a user's sessions", listOfSessions, endOfAllSessions);
    faultsAreNotAbsences(kit);
    group('a session in the token', sealedInTheToken);
    group('an outage', outage, signOutInAnOutage);
  });
}
