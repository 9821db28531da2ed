// The kinds of documents that the mounts hold, each with its merge: sessions' replicas, what is kept of a user, recent ends.
import { hash } from 'node:crypto';
import { endedLately, joinEnds, type EndsDocument } from './ended-lately.js';
import { fingerprint, joinReplicas, type Replica } from '../../replica/replica.js';

/** What all of a user's sessions share. */
export interface UserDocument {
  readonly userId: string;
  readonly epoch: number;
  /** By id of a session when it ends at the latest; also of such that have ended since. */
  readonly sessions: Readonly<Record<string, number>>;
}

export interface Documents {
  sessions: Replica;
  users: UserDocument;
  ends: EndsDocument;
}

type AnyDocument = Documents[keyof Documents];
export type Kind = keyof Documents;
export const KINDS: readonly Kind[] = ['sessions', 'users', 'ends'];

/** Where a document is: its name on disk is made of a hash alone, whatever the id is. */
export interface Key<K extends Kind = Kind> {
  readonly kind: K;
  /** SHA-256, 64 hex digits. */
  readonly hash: string;
}

export function keyOf<K extends Kind>(kind: K, id: string): Key<K> {
  return { kind, hash: hash('sha256', `${kind} ${id}`) };
}

/** What both copies know together; `a` itself when `b` adds nothing to it. */
export function join<K extends Kind>(kind: K, a: Documents[K], b: Documents[K]): Documents[K];
export function join(kind: Kind, a: AnyDocument, b: AnyDocument): AnyDocument {
  if (kind === 'sessions') return joinReplicas(a as Replica, b as Replica);
  if (kind === 'ends') return joinEnds(a as EndsDocument, b as EndsDocument);
  return joinUsers(a as UserDocument, b as UserDocument);
}

function joinUsers(a: UserDocument, b: UserDocument): UserDocument {
  const sessions = unended({ ...a.sessions, ...b.sessions });
  if (b.epoch <= a.epoch && Object.keys(sessions).every((id) => Object.hasOwn(a.sessions, id))) return a;
  return { ...a, epoch: Math.max(a.epoch, b.epoch), sessions };
}

/** Each request of a user reads the user's document: many sign-ins must not make it grow for ever. */
const MAX_LISTED = 1000;

/** Those that may still live; of too many the newest: an id begins with the time. */
export function unended(sessions: UserDocument['sessions']): UserDocument['sessions'] {
  const now = Date.now();
  const living = Object.entries(sessions).filter(([, endsAt]) => endsAt >= now);
  if (living.length > MAX_LISTED) living.sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(living.slice(-MAX_LISTED));
}

/** The same for copies that tell the same. */
export function digestOf(kind: Kind, document: AnyDocument): string {
  if (kind === 'sessions') return hash('sha256', fingerprint(document as Replica), 'base64url');
  if (kind === 'ends') return hash('sha256', JSON.stringify(endedLately(document as EndsDocument)), 'base64url');
  const { epoch, sessions } = document as UserDocument;
  return hash('sha256', JSON.stringify([epoch, Object.keys(unended(sessions)).sort()]), 'base64url');
}

/**
 * From when on the document may be removed: a live session's nearer limit, a tombstone's absolute one. An epoch that
 * was ever raised is kept for good: forgotten, it would begin again below the sessions that it must end.
 */
export function endOf(kind: Kind, document: AnyDocument): number {
  if (kind === 'ends') return Number.MAX_SAFE_INTEGER;
  if (kind === 'sessions') {
    const { ended, idleEndsAt, endsAt } = document as Replica;
    return ended ? endsAt : Math.min(idleEndsAt, endsAt);
  }
  const { epoch, sessions } = document as UserDocument;
  return epoch > 0 ? Number.MAX_SAFE_INTEGER : Math.max(0, ...Object.values(sessions));
}
