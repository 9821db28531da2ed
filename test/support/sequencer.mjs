// The order of test files: the quick ones first, and stacks of many servers not beside what else fills the machine.
import Sequencer from '@jest/test-sequencer';

const ORDER = ['unit', 'processes', 'mysql', 'e2e', 'compose'];

export default class ByProject extends Sequencer {
  /** Within a project as jest orders them: those that failed first, then the longest. */
  async sort(tests) {
    const sorted = await super.sort(tests);
    const place = ({ context }) => ORDER.indexOf(context.config.displayName?.name);
    return sorted.toSorted((a, b) => place(a) - place(b));
  }
}
