// Which changes share a statement, and that each still has its own answer, deadline and failure.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { setImmediate as turn } from 'node:timers/promises';
import type { AttemptDeadline } from './budget.js';
import type { WriteHeader } from './connection.js';
import { DeadlineClock } from './deadline-clock.js';
import { DeadlineError, NoConnectionError } from './errors.js';
import { GatheredWrites } from './gathered-writes.js';
import { PatientNode, type Asked } from './spec-support/patient-node.js';
import type { KeyedUpdate } from './types.js';

interface Change {
  readonly key: string;
  readonly bytes: number;
}

const update: KeyedUpdate<Change> = {
  alone: ({ key }) => ({ sql: 'alone', parameters: [key] }),
  together: (changes) => ({ sql: 'together', parameters: changes.map(({ key }) => key) }),
  bytesOf: ({ bytes }) => bytes,
};

let clock: DeadlineClock;
let node: PatientNode;
let writes: GatheredWrites;
beforeEach(() => {
  clock = new DeadlineClock(10_000, () => undefined, 100);
  node = new PatientNode();
  writes = new GatheredWrites(clock, node, 100, 10_000);
});
afterEach(() => clock.close());

const within = (ms: number, onSlow = () => undefined as void): AttemptDeadline => {
  const soft = clock.now() + ms;
  return { soft, hard: soft + ms, onSlow };
};
const change = (key: string, { deadline = within(60_000), bytes = 100 } = {}) => {
  const done = writes.run(update, key, { key, bytes }, deadline);
  // Those that nobody awaits end with the clock.
  done.catch(() => undefined);
  return done.then(({ affectedRows }) => affectedRows);
};
const affected = (affectedRows: number) => ({ affectedRows }) as WriteHeader;
const sent = () => node.asked.map(({ sql, parameters }: Asked) => [sql, ...parameters]);
const nextSent = async (count: number) => {
  while (node.asked.length < count) await turn();
  return node.asked[count - 1];
};
const standStill = (ms: number) => {
  const until = performance.now() + ms;
  while (performance.now() < until);
};

describe('what shares a statement', () => {
  it('are the changes of one turn, in the order of their keys', async () => {
    const done = Promise.all(['c', 'a', 'b'].map((key) => change(key)));
    expect(node.asked).toEqual([]);
    await turn();
    expect(sent()).toEqual([['together', 'a', 'b', 'c']]);
    node.asked[0].answer(affected(3));
    expect(await done).toEqual([1, 1, 1]);
  });

  it('is one of each key: the second change of a row goes when the first one has ended', async () => {
    const done = Promise.all(['a', 'b', 'a'].map((key) => change(key)));
    await turn();
    const next = change('c');
    await turn();
    expect(sent()).toEqual([
      ['together', 'a', 'b'],
      ['alone', 'c'],
    ]);
    node.asked[1].answer(affected(1));
    await next;
    for (let i = 0; i < 5; i++) await turn();
    expect(node.asked).toHaveLength(2);
    node.asked[0].answer(affected(2));
    await nextSent(3);
    expect(sent().slice(2)).toEqual([['alone', 'a']]);
    node.asked[2].answer(affected(0));
    expect(await done).toEqual([1, 1, 0]);
  });

  it('is not so much that a large one holds up the others', async () => {
    for (const key of ['a', 'b', 'c']) void change(key, { bytes: 200_000 });
    void change('d');
    await turn();
    expect(sent()).toEqual([
      ['together', 'a', 'd'],
      ['alone', 'b'],
    ]);
    node.asked[0].answer(affected(2));
    expect((await nextSent(3)).parameters).toEqual(['c']);
  });

  it('is not held up by slow ones: they leave their place to the next', async () => {
    writes = new GatheredWrites(clock, node, 100, 5);
    for (const key of ['a', 'b', 'c', 'd']) {
      void change(key);
      await turn();
    }
    // Neither of the first two has been answered.
    await nextSent(3);
    expect(sent().flat()).toEqual(expect.arrayContaining(['a', 'b', 'c', 'd']));
    for (const asked of node.asked) asked.answer(affected(asked.parameters.length));
    const later = change('a');
    (await nextSent(node.asked.length + 1)).answer(affected(1));
    expect(await later).toBe(1);
  });

  it('is what has come while all connections were in use, without those whose time was up', async () => {
    const giveBack = node.occupy();
    const late = change('late', { deadline: within(60) });
    void change('a');
    await turn();
    void change('b');
    await expect(late).rejects.toThrow(NoConnectionError);
    giveBack();
    await nextSent(1);
    expect(sent()).toEqual([['together', 'a', 'b']]);
  });
});

describe('where not all have matched', () => {
  it('nobody is told that it has', async () => {
    const done = Promise.all(['a', 'b', 'c'].map((key) => change(key)));
    await turn();
    node.asked[0].answer(affected(2));
    expect(await done).toEqual([undefined, undefined, undefined]);
    expect(node.asked).toHaveLength(1);
  });

  it('one alone knows what it has done', async () => {
    const done = change('a');
    await turn();
    expect(sent()).toEqual([['alone', 'a']]);
    node.asked[0].answer(affected(0));
    expect(await done).toBe(0);
  });
});

describe('a failure', () => {
  it('of the connection or by a conflict is everyone’s', async () => {
    const done = Promise.allSettled([change('a'), change('b')]);
    await turn();
    const conflict = Object.assign(new Error('certification'), { errno: 3101 });
    node.asked[0].fail(conflict);
    expect(await done).toEqual([conflict, conflict].map((reason) => ({ status: 'rejected', reason })));
  });

  it('of the statement lets each go by itself', async () => {
    const done = Promise.allSettled([change('a'), change('b')]);
    await turn();
    node.asked[0].fail(new Error('too long'));
    await nextSent(3);
    expect(sent().slice(1)).toEqual([
      ['alone', 'a'],
      ['alone', 'b'],
    ]);
    node.asked[1].answer(affected(1));
    node.asked[2].fail(new Error('too long'));
    const [a, b] = await done;
    expect(a).toEqual({ status: 'fulfilled', value: 1 });
    expect(b).toMatchObject({ status: 'rejected' });
  });
});

describe('the deadline', () => {
  it('is each one’s own: one is told that its node is slow and given up, the others have their answer', async () => {
    let slow = 0;
    const hasty = change('hasty', { deadline: within(60, () => void slow++) });
    const patient = change('patient');
    await expect(hasty).rejects.toThrow(DeadlineError);
    expect(slow).toBe(1);
    node.asked[0].answer(affected(2));
    expect(await patient).toBe(1);
  });

  it('of the last one is the statement’s', async () => {
    const last = within(5_000);
    void change('a', { deadline: within(1_000) });
    void change('b', { deadline: last });
    await turn();
    expect(node.asked[0].end).toBe(last.hard);
  });
});

describe('a standstill of this process', () => {
  it('before the statement was sent: it is not', async () => {
    // Noticed by nobody else before the statement's turn.
    setImmediate(() => standStill(150));
    const before = change('before');
    await expect(before).rejects.toThrow(NoConnectionError);
    const after = change('after');
    await turn();
    expect(sent()).toEqual([['alone', 'after']]);
    node.asked[0].answer(affected(1));
    expect(await after).toBe(1);
  });

  it('while they wait for a connection: what came before it is not sent', async () => {
    const giveBack = node.occupy();
    const before = change('before');
    await turn();
    standStill(150);
    giveBack();
    const after = change('after');
    await expect(before).rejects.toThrow(NoConnectionError);
    await nextSent(1);
    expect(sent()).toEqual([['alone', 'after']]);
    node.asked[0].answer(affected(1));
    await after;
  });

  it('while it runs: the answer is dropped, and the outcome is unknown', async () => {
    const done = change('a');
    await turn();
    standStill(150);
    node.asked[0].answer(affected(1));
    clock.now();
    await expect(done).rejects.toThrow(DeadlineError);
  });
});
