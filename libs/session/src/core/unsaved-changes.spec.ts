// What a handler changes while a save of the same session runs.
import { expect, it } from '@jest/globals';
import { SessionManager } from '../manager.js';
import { MemorySessionStore } from '../methods/memory/memory-session-store.js';
import type { SessionRecord, WriteResult } from '../port/records.js';

it.each(['save', 'update'])(
  'a change that comes while %s runs is kept, and committed with the next one',
  async (call) => {
    let onWrite = () => undefined as void;
    const store = new (class extends MemorySessionStore {
      override async update(record: SessionRecord, base: SessionRecord): Promise<WriteResult> {
        onWrite();
        return super.update(record, base);
      }
    })();
    const manager = new SessionManager({ store, secrets: ['k'.repeat(32)], secure: false });
    const request = await manager.open({ cookies: {} });
    const session = request.session!;
    session.cart = { apple: 1 };
    await session.save();
    onWrite = () => {
      session.meanwhile = 1;
      (session.cart as Record<string, number>).pear = 2;
    };
    session.count = 1;
    await (call === 'save' ? session.save() : session.update('count', () => 1));
    expect({ ...session }).toEqual({ cart: { apple: 1, pear: 2 }, count: 1, meanwhile: 1 });
    onWrite = () => undefined;
    await session.save();
    await session.reload();
    expect({ ...session }).toEqual({ cart: { apple: 1, pear: 2 }, count: 1, meanwhile: 1 });
  },
);
