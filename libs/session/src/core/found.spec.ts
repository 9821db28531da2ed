// The content of a session is decoded when somebody asks for it, and whatever is changed in it is found.
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { SessionManager } from '../manager.js';
import { MemorySessionStore } from '../methods/memory/memory-session-store.js';
import { Visitor } from '../testing/visitor.js';
import { Codec } from './codec.js';
import type { SessionEvent } from './options.js';

const CONTENT = {
  at: '2026-01-02T03:04:05.000Z',
  none: null,
  zero: 0,
  list: [1, null],
  user: { id: 'ann', roles: ['a'] },
};

async function shopper(content: Record<string, unknown> = CONTENT) {
  const store = new MemorySessionStore();
  const events: SessionEvent[] = [];
  const onEvent = (event: SessionEvent) => void events.push(event);
  const manager = new SessionManager({ store, secrets: ['k'.repeat(32)], secure: false, onEvent });
  const visitor = new Visitor();
  await visitor.put(manager, content);
  return { store, events, manager, visitor };
}

afterEach(() => void jest.restoreAllMocks());

describe('a session that was found', () => {
  it('is not decoded for a request that does not look at it', async () => {
    const { manager, visitor } = await shopper();
    const decode = jest.spyOn(Codec.prototype, 'decode');
    const request = await visitor.begin(manager);
    await request.finish();
    request.reportLateChanges();
    expect(decode).not.toHaveBeenCalled();
    expect({ ...request.session }).toEqual(CONTENT);
    expect(decode).toHaveBeenCalledTimes(1);
  });

  it('is none for what asks for it when its content is damaged', async () => {
    const { store, events, manager, visitor } = await shopper();
    const { id } = await visitor.begin(manager);
    const { record } = (await store.find(id))!;
    const payload = record.payload.slice(0, -3);
    await store.update({ ...record, version: record.version + 1, payload }, record);
    const request = await visitor.begin(manager);
    expect([request.isStored, { ...request.session }, events.map(({ type }) => type)]).toEqual([
      false,
      {},
      ['damaged'],
    ]);
    expect(request.id).not.toBe(id);
  });

  it('keeps its other keys where one is set without a look at it', async () => {
    const { manager, visitor } = await shopper({ a: 1, b: 2 });
    const request = await visitor.begin(manager);
    await request.update('a', () => 3);
    await visitor.end(manager, request);
    expect(await visitor.see(manager)).toEqual({ a: 3, b: 2 });
  });

  it.each<[string, Partial<Parameters<Codec['encode']>[0]>]>([
    ['a visitor', {}],
    ['somebody who is remembered', { remember: true }],
    ['an end of its own', { expiry: { endsAt: 1_800_000_000_000, maxAge: 5000 } }],
    ['an end with the browser', { expiry: { endsAt: 1_800_000_000_000, maxAge: null } }],
    ['a later version', { schema: 7 }],
  ])('tells the same of itself without its content: %s', (_, own) => {
    const codec = new Codec();
    const payload = codec.encode({ data: CONTENT, remember: false, schema: 1, ...own });
    const { data, expiry, ...decoded } = codec.decode(payload)!;
    const { contentAt, ...frame } = codec.frameOf(payload)!;
    expect([frame, data]).toEqual([{ ...decoded, expiry }, CONTENT]);
    expect(payload.slice(contentAt, -1)).toBe(JSON.stringify(CONTENT));
  });

  it('is decoded at once where its version is an earlier one, or its form is unknown', () => {
    const codec = new Codec([(data) => data]);
    for (const payload of ['{"v":1,"r":0,"d":{}}', '{"d":{},"v":2}', '{"v":2,"r":0,"d":[]}', ''])
      expect(codec.frameOf(payload)).toBeUndefined();
  });
});

type Held = Record<string, unknown> & { list: unknown[]; user: { id: unknown; roles: unknown[] } };
const symbol = Symbol('s');

describe('what looks the same as JSON and is not', () => {
  it.each<[string, (session: Held) => void]>([
    ['a date in the place of its text', (session) => (session.at = new Date(CONTENT.at))],
    ['no number in the place of null', (session) => (session.none = NaN)],
    ['minus zero', (session) => (session.zero = -0)],
    ['an undefined item in the place of null', (session) => (session.list[1] = undefined)],
    ['a property of a list', (session) => Object.assign(session.list, { extra: 1 })],
    ['a symbol in depth', (session) => Object.assign(session.user, { [symbol]: 1 })],
    ['a symbol', (session) => Object.assign(session, { [symbol]: 1 })],
    ['a function in depth', (session) => Object.assign(session.user, { act: () => 1 })],
    ['a boxed text', (session) => (session.user.id = new String('ann'))],
    ['an object of a class', (session) => (session.user = Object.assign(new (class Person {})(), session.user))],
    ['a list of a class', (session) => (session.user.roles = new (class Roles extends Array<unknown> {})('a'))],
  ])('is refused: %s', async (_, change) => {
    const { manager, visitor } = await shopper();
    const visit = visitor.visit(manager, (session) => change(session as unknown as Held));
    await expect(visit).rejects.toThrow(/^session[.[]/);
  });

  it.each<[string, (session: Held) => void, object]>([
    ['a value in depth', (session) => session.user.roles.push('b'), { user: { id: 'ann', roles: ['a', 'b'] } }],
    ['a key in depth', (session) => delete (session.user as Partial<Held['user']>).id, { user: { roles: ['a'] } }],
    ['a shorter list', (session) => (session.list.length = 1), { list: [1] }],
    ['a list in the place of an object', (session) => (session.user = [] as never), { user: [] }],
  ])('a change is kept: %s', async (_, change, expected) => {
    const { manager, visitor } = await shopper();
    await visitor.visit(manager, (session) => change(session as unknown as Held));
    expect(await visitor.see(manager)).toEqual({ ...CONTENT, ...expected });
  });
});
