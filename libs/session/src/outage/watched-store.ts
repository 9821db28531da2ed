// The store with two eyes on it: whether it answers, and what has ended.
import type { AnySessions } from '../carriers/carrier.js';
import type { Life } from '../port/abilities.js';
import type { Found, SessionRecord, WriteResult } from '../port/records.js';
import type { CircuitBreaker } from './circuit-breaker.js';
import type { KnownEnds } from './known-ends.js';

type Call = (...args: unknown[]) => Promise<unknown>;

const READS: ReadonlySet<PropertyKey> = new Set(['find', 'admit']);
const CALLS: ReadonlySet<PropertyKey> = new Set([
  ...READS,
  ...[
    'create',
    'update',
    'updateAbove',
    'touch',
    'destroy',
    'sweep',
    'lend',
    'epochOf',
    'raiseEpoch',
    'listByUser',
    'livesOf',
  ],
]);

/**
 * The same store, of the same kind, each call through the breaker. Every end that an answer tells of is noted, and what
 * `isPending` names counts as ended already.
 */
export function watchedStore<T extends AnySessions>(
  store: T,
  breaker: CircuitBreaker,
  ends: KnownEnds,
  isPending: (id: string) => boolean,
): T {
  const calls = new Map<PropertyKey, unknown>();
  const watched =
    (name: PropertyKey, method: Call): Call =>
    async (...args) => {
      if (READS.has(name) && isPending(idOf(args[0]))) return undefined;
      const act = () => Reflect.apply(method, store, args);
      const answer = await breaker.call(act, READS.has(name), (result) => tells(name, args, result));
      note(ends, name, args, answer);
      return answer;
    };
  return new Proxy(store, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      if (!calls.has(name)) calls.set(name, CALLS.has(name) ? watched(name, value as Call) : value.bind(target));
      return calls.get(name);
    },
  });
}

/** A store that answers a question about many sessions may still be unable to tell of any of them. */
function tells(name: PropertyKey, [subject]: unknown[], answer: unknown): boolean {
  if (name !== 'livesOf') return true;
  return (answer as ReadonlyMap<string, Life | undefined>).size > 0 || (subject as readonly string[]).length === 0;
}

function note(ends: KnownEnds, name: PropertyKey, [subject]: unknown[], answer: unknown): void {
  if (READS.has(name)) {
    noteLife(ends, idOf(subject), answer as Found | undefined);
  } else if (name === 'livesOf') {
    for (const [id, life] of answer as ReadonlyMap<string, Life | undefined>) noteLife(ends, id, life);
  } else if (name === 'destroy' && (answer as WriteResult).status !== 'conflict') {
    ends.addSession(idOf(subject));
  } else if (name === 'raiseEpoch') {
    ends.addEpoch(subject as string, answer as number);
  } else if (name === 'updateAbove' && (answer as WriteResult).status === 'done') {
    const { userId, epoch } = subject as SessionRecord;
    ends.addEpoch(userId!, epoch);
  }
}

function noteLife(ends: KnownEnds, id: string, life: Life | undefined): void {
  if (!life) ends.addSession(id);
  else if (life.record.userId !== null && life.record.epoch < life.userEpoch)
    ends.addEpoch(life.record.userId, life.userEpoch);
}

/** `find` and `destroy` name a session, `admit` brings it. */
function idOf(subject: unknown): string {
  return typeof subject === 'string' ? subject : (subject as SessionRecord).id;
}
