// Whatever comes from outside is either exactly of the protocol or refused, however it is damaged.
import { describe, expect, it } from '@jest/globals';
import { HybridClock } from '../../replica/hybrid-clock.js';
import { createReplica, endReplica, tombstoneOf, updateReplica } from '../../replica/replica.js';
import { aRecord, next, payload } from '../../testing/a-record.js';
import { MalformedError } from './framed-socket.js';
import { asBucketQuestion, asEntry, asHello, asKey, asWrite, asWriteAnswer, PROTOCOL } from './messages.js';

const now = Date.now();
const clock = new HybridClock('web1');
const record = aRecord({
  userId: 'user-1',
  secrets: { current: 'A'.repeat(43), since: now, next: 'B'.repeat(43), previous: 'C'.repeat(43), previousUntil: now },
});
const live = updateReplica(
  createReplica(record, clock.tick()),
  next(record, { payload: payload({ a: null, b: { deep: [1] } }) }),
  record,
  clock.tick(),
);
const entries = { live, ended: endReplica(live, clock.tick()), tombstone: tombstoneOf(record.id, now, clock.tick()) };
const copyOf = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

describe('an entry', () => {
  it.each(Object.entries(entries))('is taken as it was sent: %s', (_, entry) => {
    expect(asEntry(copyOf(entry), now)).toEqual(copyOf(entry));
  });

  it('is taken when it is a user’s epochs', () => {
    const epochs = { userId: 'user-1', raised: { AAAAAA: 3 } };
    expect(asEntry(copyOf(epochs), now)).toEqual(epochs);
  });

  it.each(Object.entries(entries))('is refused when a field is wrong, lacking or too many: %s', (_, entry) => {
    const damages = Object.keys(entry).flatMap((field) =>
      [undefined, null, -1, 'x', [1], { '': 1 }].map((value) => ({ ...entry, [field]: value })),
    );
    for (const damaged of [...damages, { ...entry, extra: 1 }, { ...entry, ended: !entry.ended }])
      expect([damaged, outcome(() => asEntry(copyOf(damaged), now))]).toEqual([damaged, 'refused']);
  });

  it('is refused when something within a field is wrong', () => {
    const { stamp } = live.owner;
    const damages: Record<string, unknown>[] = [
      { seen: { AAAAAA: stamp } },
      { seen: { toolong: stamp.slice(0, 13) } },
      { writes: [1] },
      { owner: { stamp } },
      { owner: { stamp: 'x', value: live.owner.value } },
      { owner: { stamp, value: { userId: '', epoch: 0 } } },
      { owner: { stamp, value: { userId: 'user-1', epoch: -1 } } },
      { secrets: { stamp, value: { since: 1 } } },
      { secrets: { stamp, value: { current: 'A', since: 1, extra: 'x' } } },
      { secrets: { stamp, value: { current: 'A', since: 1, next: 1 } } },
      { head: { stamp, value: 'x' } },
      { data: { a: 1 } },
      { data: { a: { stamp, value: 1, extra: 1 } } },
    ];
    for (const damage of damages)
      expect([damage, outcome(() => asEntry(copyOf({ ...live, ...damage }), now))]).toEqual([damage, 'refused']);
  });

  it('is refused with a stamp from the far future, which would win for ever', () => {
    const ahead = new HybridClock('web1', () => now + 48 * 3_600_000);
    expect(() => asEntry(copyOf(createReplica(record, ahead.tick())), now)).toThrow(MalformedError);
    const minutes = new HybridClock('web1', () => now + 600_000);
    expect(() => asEntry(copyOf(createReplica(record, minutes.tick())), now)).not.toThrow();
  });

  it('is refused when it would reach a prototype', () => {
    const text = JSON.stringify(live);
    for (const bad of [
      text.replace('"b"', '"__proto__"'),
      text.replace(/"seen":\{"[\w-]{6}"/, '"seen":{"__proto__"'),
    ]) {
      expect(bad).toContain('__proto__');
      expect(() => asEntry(JSON.parse(bad), now)).toThrow(MalformedError);
    }
  });
});

describe('the other messages', () => {
  const hello = { protocol: PROTOCOL, name: 'web1', instance: 'x', writer: '', serving: true, now };
  it.each<[string, (value: unknown) => unknown, unknown, unknown[]]>([
    [
      'hello',
      asHello,
      hello,
      [null, [], {}, { ...hello, name: 'a b' }, { ...hello, now: 'x' }, { ...hello, protocol: -1 }],
    ],
    ['key', asKey, '@user', ['', '@', '__proto__', 1, record.id.toUpperCase().replace(/\d/g, 'A')]],
    [
      'question',
      (value) => asBucketQuestion(value, 256),
      { bucket: 255, have: [[record.id, 'a'.repeat(16)]] },
      [{ bucket: 256, have: [] }, { bucket: -1, have: [] }, { bucket: 0 }, { bucket: 0, have: [[record.id]] }],
    ],
    [
      'write',
      asWrite,
      ['update', record, record],
      [
        ['update', record],
        ['create', { ...record, id: '../x' }],
        ['close'],
        ['find', record.id],
        ['toString'],
        'create',
        [],
      ],
    ],
    [
      'outcome',
      (value) => asWriteAnswer(['create', record], value),
      { status: 'done', mark: 'x' },
      [null, {}, { status: 'conflict' }, { status: 'done', record: {} }, { status: 'other' }],
    ],
  ])('%s: exactly, or not at all', (_, judge, good, bad) => {
    expect(judge(copyOf(good))).toEqual(good);
    for (const value of bad) expect([value, outcome(() => judge(value))]).toEqual([value, 'refused']);
  });
});

function outcome(act: () => unknown): string {
  try {
    act();
    return 'taken';
  } catch (error) {
    return error instanceof MalformedError ? 'refused' : `failed: ${String(error)}`;
  }
}
