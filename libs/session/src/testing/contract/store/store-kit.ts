// What the tests of the store contract share: two servers' stores, and what is to be seen from all of them.
import { expect } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Mark, SessionRecord, WriteResult } from '../../../port/records.js';
import type { SessionStore } from '../../../port/store.js';
import { aRecord } from '../../a-record.js';
import type { TestRunner } from '../../runner.js';
import type { StoreUnderTest } from '../../store-under-test.js';

/** `opened` is set before the first test. */
export class StoreKit {
  opened!: StoreUnderTest;

  constructor(private readonly runner: TestRunner) {}

  /** Registers a test, which reads from the kit what it needs when it runs. */
  readonly it = (name: string, test: (kit: StoreKit) => void | Promise<void>) => this.runner.it(name, () => test(this));

  get servers(): readonly SessionStore[] {
    return this.opened.servers as readonly SessionStore[];
  }

  get a(): SessionStore {
    return this.servers[0];
  }

  get b(): SessionStore {
    return this.servers[1];
  }

  /** A record that the first server has created. */
  readonly created = async () => {
    const record = aRecord();
    await this.a.create(record);
    return record;
  };

  readonly everywhere = (id: string, atLeast?: Mark) =>
    Promise.all(this.servers.map((store) => store.find(id, atLeast)));

  readonly expectGone = async (id: string) => {
    const end = Date.now() + this.a.capabilities.logoutWithinMs;
    const lives = async () => (await this.everywhere(id)).some((found) => found !== undefined);
    while ((await lives()) && Date.now() < end) await sleep(20);
    expect(await this.everywhere(id)).toEqual(this.servers.map(() => undefined));
  };
}

/** What a browser would be told to have seen by this write. */
export function markOf(result: WriteResult, record: SessionRecord): Mark {
  return (result.status === 'done' ? result.mark : undefined) ?? String(record.version);
}
