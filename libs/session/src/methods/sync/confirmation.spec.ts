// A leader's changes between being kept and being confirmed, with a network that the tests answer for.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { endReplica, createReplica, updateReplica, type Replica } from '../../replica/replica.js';
import { aRecord, next, payload } from '../../testing/a-record.js';
import { Confirmation, NotLeadingError } from './confirmation.js';
import { Copies } from './copies.js';
import type { Leadership } from './leadership.js';
import type { Entry } from './messages.js';
import { Counters } from './options.js';

let copies: Copies;
let leads: boolean;
/** What was sent and is not answered. */
let sent: { entry: Entry; done: () => void; fail: () => void }[];
let confirmation: Confirmation;

beforeEach(() => {
  copies = new Copies('web1', { maxSessions: 100, maxBytes: 2 ** 20 }, new Counters(), Date.now);
  leads = true;
  sent = [];
  const leadership = { term: () => (leads ? 1 : undefined), mayAcknowledge: () => leads, ceiling: 'zzz' };
  confirmation = new Confirmation(
    leadership as unknown as Leadership,
    copies,
    (entry) =>
      new Promise<void>((resolve, reject) =>
        sent.push({ entry, done: resolve, fail: () => reject(new Error('no majority')) }),
      ),
  );
});

const record = aRecord();
const kept = () => copies.session(record.id)!;
const expectConfirmed = (copy: Replica) =>
  expect(JSON.parse(confirmation.confirmed(record.id)!.json)).toEqual(JSON.parse(JSON.stringify(copy)));

async function created(): Promise<Replica> {
  const copy = createReplica(record, copies.clock.tick());
  const run = confirmation.commit(copy, false);
  sent.shift()!.done();
  await run;
  return copy;
}

const changed = (copy: Replica, value: number) =>
  updateReplica(copy, next(record, { payload: payload({ value }) }), record, copies.clock.tick());

describe('a change', () => {
  it('is shown to peers when it is confirmed, and taken back when this server leads no more', async () => {
    const first = await created();
    const run = confirmation.commit(changed(first, 1), false).catch((error: Error) => error);
    expectConfirmed(first);
    leads = false;
    expect(confirmation.rollBack()).toBe(1);
    expect(kept()).toEqual(first);
    sent.shift()!.done();
    expect(await run).toBeInstanceOf(NotLeadingError);
  });

  it('that comes on top of another is sent with it: one success never stands for what was not sent', async () => {
    const first = await created();
    const logout = confirmation.commit(endReplica(first, copies.clock.tick()), true).catch((error: Error) => error);
    const update = confirmation.commit(changed(first, 2), false);
    const [, second] = sent;
    expect((second.entry as Replica).ended).toBe(true);
    second.done();
    await update;
    sent[0].fail();
    expect(((await logout) as Error).message).toBe('no majority');
    expect(kept().ended).toBe(true);
  });

  it('that is confirmed stays so when an earlier one is confirmed after it', async () => {
    const first = await created();
    const runs = [1, 2, 3].map((value) => confirmation.commit(changed(kept(), value), false).catch(() => undefined));
    expect(first.version).toBe(1);
    const second = JSON.parse(JSON.stringify(sent[1].entry)) as Replica;
    sent[1].done();
    await runs[1];
    sent[0].done();
    await runs[0];
    leads = false;
    confirmation.rollBack();
    expect(kept()).toEqual(second);
  });

  it('that failed is confirmed before anybody reads it', async () => {
    const first = await created();
    const run = confirmation.commit(changed(first, 1), false).catch((error: Error) => error);
    sent.shift()!.fail();
    await run;
    let isRead = false;
    const read = confirmation.settle(record.id).then(() => (isRead = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(isRead).toBe(false);
    sent.shift()!.done();
    await read;
    expectConfirmed(kept());
  });

  it('holds up a peer that compares until it is decided', async () => {
    const first = await created();
    void confirmation.commit(changed(first, 1), false).catch(() => undefined);
    let isOver = false;
    const over = confirmation.pending().then(() => (isOver = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(isOver).toBe(false);
    sent.shift()!.done();
    await over;
  });
});
