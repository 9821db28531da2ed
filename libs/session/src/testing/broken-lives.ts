// Stores that each tell something wrong of many sessions at once.
import type { SessionLives } from '../port/abilities.js';
import { WholeStore, type brokenStores } from './broken-stores.js';

type Lives = Awaited<ReturnType<SessionLives['livesOf']>>;

export const brokenLives: typeof brokenStores = {
  'an ended session is said to live': {
    caughtBy: 'tells of many sessions at once what finding each would tell',
    store: class extends WholeStore {
      override async livesOf(ids: readonly string[]): Promise<Lives> {
        const kept = ids.flatMap((id) => this.shared.records.get(id) ?? []);
        return new Map([
          ...(await super.livesOf(ids)),
          ...kept.map(({ record }) => [record.id, { record, userEpoch: 0 }] as const),
        ]);
      }
    },
  },
  'nothing is told of an ended session': {
    caughtBy: 'tells of many sessions at once what finding each would tell',
    store: class extends WholeStore {
      override async livesOf(ids: readonly string[]): Promise<Lives> {
        return new Map([...(await super.livesOf(ids))].filter(([, life]) => life));
      }
    },
  },
  'the lives of sessions are told without the epochs of their users': {
    caughtBy: 'tells of each session the epoch that its user has now',
    store: class extends WholeStore {
      override async livesOf(ids: readonly string[]): Promise<Lives> {
        const lives = [...(await super.livesOf(ids))];
        return new Map(lives.map(([id, life]) => [id, life && { ...life, userEpoch: 0 }]));
      }
    },
  },
};
