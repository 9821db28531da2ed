// Stores that write the changes of one turn together, and each give a wrong answer to some of them.
import type { SessionRecord, WriteResult } from '../port/records.js';
import { WholeStore, type brokenStores } from './broken-stores.js';

interface Change {
  readonly record: SessionRecord;
  readonly base: SessionRecord;
}

/** Writes what arrives in one turn of the event loop together: whole as it is, to be broken by a subclass. */
export class GatheringStore extends WholeStore {
  private waiting: (Change & { answer(result: WriteResult): void })[] = [];

  override update(record: SessionRecord, base: SessionRecord): Promise<WriteResult> {
    return new Promise((answer, reject) => {
      this.waiting.push({ record, base, answer });
      if (this.waiting.length > 1) return;
      setImmediate(() => {
        const batch = this.waiting;
        this.waiting = [];
        this.together(batch).then((results) => batch.forEach((each, i) => each.answer(results[i])), reject);
      });
    });
  }

  protected together(batch: readonly Change[]): Promise<WriteResult[]> {
    return Promise.all(batch.map(({ record, base }) => super.update(record, base)));
  }
}

const caughtBy = 'gives each of many updates of one turn its own answer';

export const brokenGathering: typeof brokenStores = {
  'a conflict among changes that go together is reported as done': {
    caughtBy,
    store: class extends GatheringStore {
      protected override async together(batch: readonly Change[]): Promise<WriteResult[]> {
        const results = await super.together(batch);
        const isAnyDone = results.some(({ status }) => status === 'done');
        return results.map((result) => (isAnyDone && result.status === 'conflict' ? { status: 'done' } : result));
      }
    },
  },
  'the last of the changes that go together is lost': {
    caughtBy,
    store: class extends GatheringStore {
      protected override async together(batch: readonly Change[]): Promise<WriteResult[]> {
        if (batch.length < 2) return super.together(batch);
        return [...(await super.together(batch.slice(0, -1))), { status: 'done' }];
      }
    },
  },
  'the answers to two changes that go together are mixed up': {
    caughtBy,
    store: class extends GatheringStore {
      protected override async together(batch: readonly Change[]): Promise<WriteResult[]> {
        const [first, second, ...others] = await super.together(batch);
        return second ? [second, first, ...others] : [first];
      }
    },
  },
};
