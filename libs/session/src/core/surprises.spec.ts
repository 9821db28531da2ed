// What people who know other session modules do to `req.session`: it works, or is an error that says what to do.
import { describe, expect, it } from '@jest/globals';
import { SessionManager } from '../manager.js';
import { MemorySessionStore } from '../methods/memory/memory-session-store.js';
import { StoreUnavailableError } from './errors.js';
import { OWN_NAMES } from './own-names.js';
import { Session } from './session.js';
import { Visitor } from '../testing/visitor.js';
import type { SessionEvent } from './options.js';

describe("what a session's handler may do", () => {
  const store = new MemorySessionStore();
  const events: SessionEvent[] = [];
  const onEvent = (event: SessionEvent) => void events.push(event);
  const manager = new SessionManager({ store, secrets: ['k'.repeat(32)], secure: false, onEvent });

  const shopper = async () => {
    const visitor = new Visitor();
    await visitor.put(manager, { cart: 1 });
    return visitor;
  };

  it('refuses every name of its own, when it is set and when it is defined', async () => {
    expect([...OWN_NAMES].sort()).toEqual([...Object.getOwnPropertyNames(Session.prototype)].sort());
    for (const name of OWN_NAMES) {
      const message = `named "${name}"`;
      await new Visitor().visit(manager, (session) => {
        expect(() => Reflect.set(session, name, {})).toThrow(message);
        expect(() => Object.assign(session, JSON.parse(`{"${name}": 1}`) as object)).toThrow(message);
        expect(Object.keys(session)).toEqual([]);
        expect(session).toBeInstanceOf(Session);
      });
      const define = (session: Session) => void Object.defineProperty(session, name, { value: 1, enumerable: true });
      await expect(new Visitor().visit(manager, define)).rejects.toThrow(message);
    }
    const visitor = await shopper();
    await visitor.put(manager, { answer: 42, toString: 'x', hasOwnProperty: 1 });
    expect(await visitor.see(manager)).toEqual({ cart: 1, answer: 42, toString: 'x', hasOwnProperty: 1 });
  });

  it('leaves out stored content with such a name, which an earlier release took', async () => {
    const visitor = await shopper();
    const { id } = await visitor.begin(manager);
    const { record } = (await store.find(id))!;
    const payload = record.payload.replace('"cart":1', '"cart":1,"save":2');
    await store.update({ ...record, version: record.version + 1, payload }, record);
    expect(await visitor.see(manager)).toEqual({ cart: 1 });
    await visitor.put(manager, { more: 1 });
    expect(await visitor.see(manager)).toEqual({ cart: 1, more: 1 });
    expect(events).toEqual([]);
  });

  it.each(['x'.repeat(65), 'jürgen', '', 'ann ', ' ann', 'a\n', 7, undefined])(
    'refuses the user id %j',
    async (userId) => {
      await new Visitor().visit(manager, (session) =>
        expect(() => session.bind({ userId: userId as string, epoch: 0 })).toThrow('1 to 64 printable ASCII'),
      );
    },
  );

  it('refuses an epoch that is none, and takes each user id that a store can keep', async () => {
    for (const call of ['epochOf', 'endAll'] as const)
      await expect(manager.users[call]('x'.repeat(65))).rejects.toThrow('1 to 64 printable ASCII');
    await new Visitor().visit(manager, (session) => {
      for (const epoch of [undefined, NaN, -1, 0.5])
        expect(() => session.bind({ userId: 'ann', epoch: epoch as number })).toThrow('epochOf()');
      for (const userId of ['x'.repeat(64), 'a', 'Ann B. <ann@example.org>']) session.bind({ userId, epoch: 0 });
    });
  });

  it('destroy after the response ends the session, and reports when that fails', async () => {
    const visitor = await shopper();
    const request = await visitor.begin(manager);
    const { session } = request;
    await visitor.end(manager, request);
    await session!.destroy();
    expect([await visitor.copy().see(manager), await request.hasEnded()]).toEqual([undefined, true]);

    const other = await shopper();
    const failing = await other.begin(manager);
    const late = failing.session!;
    await other.end(manager, failing);
    const destroy = store.destroy.bind(store);
    store.destroy = () => Promise.reject(new StoreUnavailableError('on purpose'));
    await expect(late.destroy()).rejects.toThrow('on purpose');
    store.destroy = destroy;
    expect(events.at(-1)).toMatchObject({ type: 'late-change', keys: ['destroy()'] });
  });

  it.each(['reload', 'save', 'regenerate', 'destroy'] as const)('%s tells its callback what failed', async (call) => {
    const visitor = await shopper();
    const request = await visitor.begin(manager);
    const session = request.session!;
    const destroy = store.destroy.bind(store);
    if (call === 'reload') await store.destroy(request.id);
    if (call === 'save') session.bad = new Map();
    if (call === 'destroy') store.destroy = () => Promise.reject(new StoreUnavailableError('on purpose'));
    if (call === 'regenerate') await visitor.end(manager, request);
    const error = await new Promise((resolve) => expect(session[call](resolve)).toBe(session));
    store.destroy = destroy;
    expect(error).toMatchObject({ code: expect.stringMatching(/^session_/) });
  });

  it('reload reports nothing but its own failure, whatever the handler has put in', async () => {
    const visitor = await shopper();
    const request = await visitor.begin(manager);
    request.session!.cart = 1n;
    await request.session!.reload();
    expect({ ...request.session }).toEqual({ cart: 1 });
  });
});
