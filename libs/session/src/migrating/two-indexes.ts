// Two stores as one where both can end all of a user's sessions, or list them.
import type { SessionEpochs, SessionIndex } from '../port/abilities.js';
import type { SessionRecord } from '../port/records.js';
import type { SessionStore } from '../port/store.js';
import { createdAt } from '../core/identity.js';
import { BothEpochs } from './both-epochs.js';
import { isAhead } from './two-copies.js';
import { TwoStores } from './two-stores.js';

export class TwoStoresWithEpochs<S extends SessionStore & SessionEpochs> extends TwoStores<S> implements SessionEpochs {
  private readonly epochs = new BothEpochs(this.old, this.young, false);

  epochOf(userId: string): Promise<number> {
    return this.epochs.epochOf(userId);
  }

  raiseEpoch(userId: string): Promise<number> {
    return this.epochs.raiseEpoch(userId);
  }
}

export class TwoIndexes<S extends SessionStore & SessionIndex> extends TwoStoresWithEpochs<S> implements SessionIndex {
  async listByUser(userId: string): Promise<SessionRecord[]> {
    const [old, young] = await Promise.all([this.old.listByUser(userId), this.young.listByUser(userId)]);
    const records = new Map(young.map((record) => [record.id, record]));
    for (const record of old) {
      const other = records.get(record.id);
      if (!other || isAhead(record, other)) records.set(record.id, record);
    }
    return [...records.values()].sort((a, b) => createdAt(b.id) - createdAt(a.id));
  }
}
