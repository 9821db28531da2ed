// A session's content is JSON: what cannot be kept is an error that names the key, and what is damaged is no session.
import { expect } from '@jest/globals';
import { isSealed } from '../../carriers/sealed.js';
import type { SessionStore } from '../../port/store.js';
import type { Visitor } from '../visitor.js';
import type { Kit } from './kit.js';

export function jsonOnly({ it }: Kit): void {
  it('refuses what is not JSON, what reaches a prototype and what is too large, and says which key', async ({
    a,
    newVisitor,
  }) => {
    const attempt = (value: unknown, key = 'bad') =>
      newVisitor().visit(a, (session) => {
        Object.defineProperty(session, key, { value, enumerable: true, configurable: true, writable: true });
      });
    await expect(attempt(() => 1)).rejects.toThrow('session.bad is a function');
    await expect(attempt(1n)).rejects.toThrow('session.bad is a bigint');
    await expect(attempt(1, '__proto__')).rejects.toThrow('"__proto__"');
    await expect(attempt(1, 'constructor')).rejects.toThrow('"constructor"');
    await expect(attempt(JSON.parse('{"__proto__": {"admin": true}}'))).rejects.toThrow('prototype');
    await expect(attempt('x'.repeat(70_000))).rejects.toThrow('bad (70002 bytes)');
  });

  it('refuses a prototype that came from the store', async (kit) => {
    const { b, events, shopper } = kit;
    const visitor = await shopper();
    await replacePayload(kit, visitor, (payload) => payload.replace('"apple"', '"__proto__"'));
    expect(await visitor.see(b)).toBeUndefined();
    expect(events).toContainEqual(expect.objectContaining({ type: 'damaged' }));
    expect(({} as { apple?: number }).apple).toBeUndefined();
  });

  it('treats damaged content as no session and keeps it for inspection (session-file-store)', async (kit) => {
    const { a, b, sealed, store, shopper } = kit;
    const visitor = await shopper();
    const id = (await visitor.begin(a)).id;
    // A store that merges composes the content itself.
    if (a.capabilities.mergesKeys && !a.capabilities.atomicUpdate) return;
    await replacePayload(kit, visitor, (payload) => payload.slice(0, 10));
    expect(await visitor.see(b)).toBeUndefined();
    if (!sealed) expect((await (store as SessionStore).find(id))?.record.payload).toHaveLength(10);
  });
}

async function replacePayload({ store, a }: Kit, visitor: Visitor, change: (payload: string) => string): Promise<void> {
  if (isSealed(store)) {
    const { record } = store.unseal(visitor.token!)!;
    visitor.token = store.seal({ ...record, payload: change(record.payload) });
    return;
  }
  const { id } = await visitor.begin(a);
  const { record } = (await (store as SessionStore).find(id))!;
  await store.update({ ...record, version: record.version + 1, payload: change(record.payload) }, record);
}
