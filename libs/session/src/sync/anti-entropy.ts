// Comparing what two servers hold, bucket by bucket, until both hold the same: at each new link and every few seconds.
import { asBucketAnswer, asDigestAnswer, keyOf, type BucketQuestion, type Entry, type Key } from './messages.js';
import { DIGEST_LENGTH, printOf, type Replicas } from './replicas.js';
import type { PeerLink } from './peer-link.js';

/** Buckets under way at once. */
const PARALLEL = 8;
/** Milliseconds for one answer: a peer may be busy with others; that it lives, the heartbeat watches. */
const ANSWER_WITHIN = 5000;
/** After so much a page is full; one entry may go beyond it. */
const PAGE_BYTES = 512 * 1024;

/**
 * Takes over what the peer holds and this server lacks, and gives it what it lacks.
 * @param take joins entries of a peer to what is here; returns how many changed something
 * @returns false when nothing has been compared: the peer does not send its changes here yet, or has not joined yet
 */
export async function compare(
  link: PeerLink,
  replicas: Replicas,
  now: () => number,
  isServing: boolean,
  take: (entries: readonly Entry[]) => number,
): Promise<boolean> {
  const answer = asDigestAnswer(await link.send('digest', 'null', ANSWER_WITHIN), DIGEST_LENGTH);
  link.serving = answer.serving;
  if (!answer.linked) return false;
  // A joiner takes what it lacks, and gives what we lack: to do the same at once would be double work.
  if (isServing && !answer.serving) return false;
  const buckets = replicas.differing(answer.digest);
  const next = async (): Promise<void> => {
    for (let bucket = buckets.pop(); bucket !== undefined; bucket = buckets.pop()) {
      while (await compareBucket(bucket));
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, next));
  return true;

  async function compareBucket(bucket: number): Promise<boolean> {
    const have = Array.from(replicas.bucket(bucket), ([key, { print }]) => [key, print] as const);
    const question: BucketQuestion = { bucket, have };
    const answered = await link.send('bucket', JSON.stringify(question), ANSWER_WITHIN);
    const { entries, wants, more } = asBucketAnswer(answered, now());
    const changed = take(entries);
    // Joined here, some are as the peer sent them: it need not see those again.
    const received = new Map(entries.map((entry) => [keyOf(entry), printOf(entry)]));
    await push(wants.filter((key) => replicas.kept(key)?.print !== received.get(key)));
    return more && changed > 0;
  }

  async function push(keys: readonly Key[]): Promise<void> {
    const entries = keys.flatMap((key) => replicas.kept(key)?.json ?? []);
    while (entries.length > 0) {
      const page: string[] = [];
      for (let room = PAGE_BYTES; entries.length > 0 && room > 0; room -= page.at(-1)!.length)
        page.push(entries.pop()!);
      await link.send('put', `[${page.join()}]`, ANSWER_WITHIN);
    }
  }
}

/** The other side of `compare`, for one bucket: a `BucketAnswer` as JSON. */
export function answerBucket({ bucket, have }: BucketQuestion, replicas: Replicas): string {
  const theirs = new Map(have);
  const entries: string[] = [];
  const wants: Key[] = [];
  let room = PAGE_BYTES;
  for (const [key, { json, print }] of replicas.bucket(bucket)) {
    const held = theirs.get(key);
    theirs.delete(key);
    if (held === print) continue;
    if (room > 0) {
      entries.push(json);
      if (held !== undefined) wants.push(key);
    }
    room -= json.length;
  }
  return `{"entries":[${entries.join()}],"wants":${JSON.stringify([...wants, ...theirs.keys()])},"more":${room <= 0}}`;
}
