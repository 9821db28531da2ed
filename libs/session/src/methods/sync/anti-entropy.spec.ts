// Catching up, page by page: it ends when all that the peer holds has come, not before.
import { describe, expect, it } from '@jest/globals';
import { HybridClock } from '../../replica/hybrid-clock.js';
import { createReplica, endReplica, updateReplica } from '../../replica/replica.js';
import { aRecord, next, payload } from '../../testing/a-record.js';
import { answerBucket, compare } from './anti-entropy.js';
import { Copies } from './copies.js';
import { MalformedError } from './framed-socket.js';
import type { BucketQuestion } from './messages.js';
import type { PeerLink } from './peer-link.js';
import { Counters } from './options.js';

const MINUTE = 60_000;
const clock = new HybridClock('web1');
const large = payload({ large: 'x'.repeat(20_000) });

const copiesAt = (now: number) => new Copies('web1', { maxSessions: 1000, maxBytes: 1e9 }, new Counters(), () => now);

/** More than a page of them, all in one bucket. */
const manyRecords = (fields: Parameters<typeof aRecord>[0] = {}) =>
  Array.from({ length: 60 }, () => {
    const record = aRecord({ payload: large, ...fields });
    return { ...record, id: `${record.id.slice(0, -2)}07` };
  });

function linkTo(answer: (question: BucketQuestion) => string, digest: string): PeerLink {
  const send = async (request: string, body: string) =>
    request === 'digest'
      ? { linked: true, serving: true, digest }
      : (JSON.parse(answer(JSON.parse(body) as BucketQuestion)) as unknown);
  return { serving: true, send } as unknown as PeerLink;
}

async function catchUp(here: Copies, peer: Copies): Promise<boolean> {
  const link = linkTo((question) => answerBucket(question, peer.bucket(question.bucket)), peer.digest());
  return compare(link, here, true);
}

/** The peer ends one more session, which comes after all that it held before. */
async function expectToHearOfAnEnd(here: Copies, peer: Copies): Promise<void> {
  const [ended] = manyRecords();
  const copy = createReplica(ended, clock.tick());
  here.put(copy, true);
  peer.put(endReplica(copy, clock.tick()), true);
  expect(await catchUp(here, peer)).toBe(true);
  expect(here.session(ended.id)?.ended).toBe(true);
}

describe('catching up', () => {
  it('goes on after a page of copies that are older than those here', async () => {
    const now = Date.now();
    const [here, peer] = [copiesAt(now), copiesAt(now)];
    for (const record of manyRecords()) {
      const copy = createReplica(record, clock.tick());
      peer.put(copy, true);
      here.put(updateReplica(copy, next(record), record, clock.tick()), true);
    }
    await expectToHearOfAnEnd(here, peer);
  });

  it('goes on after a page of copies that are over by the clock here', async () => {
    const now = Date.now();
    const [here, peer] = [copiesAt(now + 20 * MINUTE), copiesAt(now)];
    for (const record of manyRecords({ idleEndsAt: now + MINUTE })) peer.put(createReplica(record, clock.tick()), true);
    await expectToHearOfAnEnd(here, peer);
  });

  it('ends with a peer that says there is more and sends nothing', async () => {
    const now = Date.now();
    const [here, peer] = [copiesAt(now), copiesAt(now)];
    peer.put(createReplica(manyRecords()[0], clock.tick()), true);
    const link = linkTo(() => '{"entries":[],"more":true}', peer.digest());
    await expect(compare(link, here, true)).rejects.toThrow(MalformedError);
  });
});
