// Comparing what two servers hold, bucket by bucket, until both hold the same: at each new link and every few seconds.
import { DIGEST_LENGTH, printOf, type Copies, type Kept } from './copies.js';
import { MalformedError } from './framed-socket.js';
import { asBucketAnswer, asDigestAnswer, keyOf, type BucketQuestion, type Key } from './messages.js';
import type { PeerLink } from './peer-link.js';

/** Buckets under way at once. */
const PARALLEL = 8;
/** Milliseconds for one answer: a peer may be busy with others; that it lives, the heartbeat watches. */
const ANSWER_WITHIN = 5000;
/** After so much a page is full; one entry may go beyond it. */
const PAGE_BYTES = 512 * 1024;

/**
 * Takes over what the peer holds and this server lacks, or has otherwise. What the peer lacks, it takes in its turn.
 * @param isServing whether this server has joined the others
 * @returns false when nothing has been compared: the peer does not send its changes here yet, or has not joined yet
 */
export async function compare(link: PeerLink, copies: Copies, isServing: boolean): Promise<boolean> {
  const answer = asDigestAnswer(await link.send('digest', 'null', ANSWER_WITHIN), DIGEST_LENGTH);
  link.serving = answer.serving;
  if (!answer.linked) return false;
  // A joiner has not acknowledged anything yet, and is busy.
  if (isServing && !answer.serving) return false;
  const buckets = copies.differing(answer.digest);
  const next = async (): Promise<void> => {
    for (let bucket = buckets.pop(); bucket !== undefined; bucket = buckets.pop()) await compareBucket(bucket);
  };
  await Promise.all(Array.from({ length: PARALLEL }, next));
  return true;

  async function compareBucket(bucket: number): Promise<void> {
    // An entry is sent once, also where this server knows more than the peer, or keeps none of it.
    const sent = new Map<Key, string>();
    for (;;) {
      const held = Array.from(copies.bucket(bucket), ([key, { print }]) => [key, print] as const);
      const question: BucketQuestion = { bucket, have: [...new Map([...held, ...sent])] };
      const answered = await link.send('bucket', JSON.stringify(question), ANSWER_WITHIN);
      const { entries, more } = asBucketAnswer(answered, copies.now());
      copies.repair(entries);
      if (!more) return;
      const prints = entries.map((entry) => [keyOf(entry), printOf(entry)] as const);
      if (prints.every(([key, print]) => sent.get(key) === print))
        throw new MalformedError('The peer announced more entries and sent none.');
      for (const [key, print] of prints) sent.set(key, print);
    }
  }
}

/** The other side of `compare`, for one bucket: a `BucketAnswer` as JSON. @param held what is in that bucket */
export function answerBucket({ have }: BucketQuestion, held: Iterable<readonly [Key, Kept]>): string {
  const theirs = new Map(have);
  const entries: string[] = [];
  let room = PAGE_BYTES;
  for (const [key, { json, print }] of held) {
    if (theirs.get(key) === print) continue;
    if (room > 0) entries.push(json);
    room -= json.length;
  }
  return `{"entries":[${entries.join()}],"more":${room <= 0}}`;
}
