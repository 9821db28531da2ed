// Which reads share a statement, and that each still has its own answer, deadline and failure.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { RowDataPacket } from 'mysql2';
import { setImmediate as turn } from 'node:timers/promises';
import type { AttemptDeadline } from './budget.js';
import { DeadlineClock } from './deadline-clock.js';
import { DeadlineError, NoConnectionError } from './errors.js';
import { GatheredReads } from './gathered-reads.js';
import { PatientNode, type Asked } from './spec-support/patient-node.js';
import type { KeyedSelect } from './types.js';

interface Row extends RowDataPacket {
  readonly id: string;
}

const select: KeyedSelect<Row> = { sql: (count) => `${count} rows`, keyOf: ({ id }) => id };
const other: KeyedSelect<Row> = { sql: (count) => `${count} others`, keyOf: ({ id }) => id };

const keysOf = (asked: Asked) => [...asked.parameters];

/** Answers with the rows that there are, in another order. */
function answer(asked: Asked): void {
  const known = [...new Set(keysOf(asked))].filter((key) => key !== 'missing').map((id) => ({ id }) as Row);
  asked.answer(known.reverse());
}

let clock: DeadlineClock;
let node: PatientNode;
let reads: GatheredReads;
beforeEach(() => {
  clock = new DeadlineClock(10_000, () => undefined, 100);
  node = new PatientNode();
  reads = new GatheredReads(clock, node, 100, 10_000);
});
afterEach(() => clock.close());

const within = (ms: number, onSlow?: () => void): AttemptDeadline => {
  const end = clock.now() + ms;
  return onSlow ? { soft: end, hard: end + ms, onSlow } : { soft: end, hard: end };
};
const ask = (key: string, deadline = within(60_000), by = select) => {
  const row = reads.run(by, key, key, deadline);
  // Those that nobody awaits end with the clock.
  row.catch(() => undefined);
  return row;
};
const keys = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `key-${from + i}`);

describe('what shares a statement', () => {
  it('is what is asked in one turn; each has its own row, a second reader too, and a missing one has none', async () => {
    const answers = Promise.all(['a', 'b', 'missing', 'a'].map((key) => ask(key)));
    expect(node.asked).toEqual([]);
    await turn();
    expect(node.asked.map((each) => [each.sql, keysOf(each)])).toEqual([['4 rows', ['a', 'b', 'missing', 'missing']]]);
    answer(node.asked[0]);
    expect(await answers).toEqual([[{ id: 'a' }], [{ id: 'b' }], [], [{ id: 'a' }]]);
  });

  it('is what is asked by the same statement only', async () => {
    void ask('a');
    void ask('a', undefined, other);
    await turn();
    expect(node.asked.map(({ sql }) => sql)).toEqual(['1 rows', '1 others']);
  });

  it('waits for nothing while the node is idle, and is gathered while two statements are under way', async () => {
    for (const key of ['a', 'b']) {
      void ask(key);
      await turn();
    }
    for (const key of ['c', 'd', 'e']) {
      void ask(key);
      await turn();
    }
    expect(node.asked.map(({ sql }) => sql)).toEqual(['1 rows', '1 rows']);
    answer(node.asked[0]);
    await turn();
    await turn();
    expect(keysOf(node.asked[2])).toEqual(['c', 'd', 'e', 'e']);
  });

  it.each([32, 33, 70])('is of %i keys 32 at most, by one of six texts', async (count) => {
    const answers = Promise.all(keys(0, count).map((key) => ask(key)));
    for (let sent = 0; sent < Math.ceil(count / 32); sent++) {
      while (node.asked.length <= sent) await turn();
      answer(node.asked[sent]);
    }
    expect((await answers).flat().map(({ id }) => id as string)).toEqual(keys(0, count));
    expect(node.asked.every(({ sql }) => /^(1|2|4|8|16|32) rows$/.test(sql))).toBe(true);
  });
});

describe('the deadline', () => {
  it('is each one’s own: one is told that its node is slow and given up, the others have their rows', async () => {
    let slow = 0;
    const hasty = ask(
      'hasty',
      within(60, () => slow++),
    );
    const patient = ask('patient');
    await expect(hasty).rejects.toThrow(DeadlineError);
    expect(slow).toBe(1);
    answer(node.asked[0]);
    expect(await patient).toEqual([{ id: 'patient' }]);
  });

  it('ends what waits for others too, which is then not sent', async () => {
    for (const key of ['a', 'b']) {
      void ask(key);
      await turn();
    }
    const late = ask('late', within(60));
    void ask('next');
    await expect(late).rejects.toThrow(NoConnectionError);
    answer(node.asked[0]);
    await turn();
    await turn();
    expect(keysOf(node.asked[2])).toEqual(['next']);
  });
});

describe('a failure', () => {
  it('of the connection is everyone’s', async () => {
    const answers = Promise.allSettled([ask('a'), ask('b')]);
    await turn();
    node.asked[0].fail(new NoConnectionError('gone', false));
    expect((await answers).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });

  it('of the statement lets each ask by itself', async () => {
    const answers = Promise.allSettled([ask('a'), ask('b')]);
    await turn();
    node.asked[0].fail(new Error('bad value'));
    while (node.asked.length < 3) await turn();
    expect(node.asked.slice(1).map((each) => [each.sql, keysOf(each)])).toEqual([
      ['1 rows', ['a']],
      ['1 rows', ['b']],
    ]);
    answer(node.asked[1]);
    node.asked[2].fail(new Error('bad value'));
    const [a, b] = await answers;
    expect(a).toEqual({ status: 'fulfilled', value: [{ id: 'a' }] });
    expect(b).toMatchObject({ status: 'rejected' });
  });

  it('leaves room for the next statements', async () => {
    for (let i = 0; i < 5; i++) {
      const answer = ask(`key-${i}`);
      while (node.asked.length <= i) await turn();
      node.asked[i].fail(new NoConnectionError('gone', false));
      await expect(answer).rejects.toThrow('gone');
    }
  });
});

it('takes no more than may wait for a connection', async () => {
  const giveBack = node.occupy();
  const answers = Promise.all(keys(0, 100).map((key) => ask(key)));
  await turn();
  await expect(ask('one more')).rejects.toMatchObject({ isOverload: true });
  giveBack();
  for (let sent = 0; sent < 4; sent++) {
    while (node.asked.length <= sent) await turn();
    answer(node.asked[sent]);
  }
  expect(await answers).toHaveLength(100);
  void ask('later');
  while (node.asked.length <= 4) await turn();
});

it('ends what has not been sent when the node is not to be used now', async () => {
  node.occupy();
  const unsent = ask('unsent');
  reads.rejectWaiting('it is down');
  await expect(unsent).rejects.toThrow(NoConnectionError);
});

it('sends nothing of what was asked before this process stood still', async () => {
  const before = ask('before');
  const until = performance.now() + 150;
  while (performance.now() < until);
  await expect(before).rejects.toThrow('paused');
  const after = ask('after');
  await turn();
  expect(node.asked.map(keysOf)).toEqual([['after']]);
  answer(node.asked[0]);
  expect(await after).toEqual([{ id: 'after' }]);
});
