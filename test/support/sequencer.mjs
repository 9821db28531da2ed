// The order of test files: the quick ones first, and stacks of many servers not beside what else fills the machine.
import Sequencer from '@jest/test-sequencer';

const ORDER = ['unit', 'processes', 'mysql', 'e2e', 'compose'];

/**
 * Millions of promises: it runs first, since each file that has used an `AsyncLocalStorage` leaves a hook in its worker
 * that slows every promise of the files after it, 13 times after all files of `apps/web`.
 */
const FIRST = 'leadership.spec.ts';

export default class ByProject extends Sequencer {
  /** Within a project as jest orders them: those that failed first, then the longest. */
  async sort(tests) {
    const sorted = await super.sort(tests);
    const place = ({ context, path }) => (path.endsWith(FIRST) ? -1 : ORDER.indexOf(context.config.displayName?.name));
    return sorted.toSorted((a, b) => place(a) - place(b));
  }
}
