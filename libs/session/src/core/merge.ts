// The merge: what a request changed, per top-level key, laid over what others changed meanwhile.
import type { Json, SessionData } from '../port/records.js';
import { isStill, sameJson } from './json-value.js';

/** New values by key; undefined deletes the key. */
export type Changes = ReadonlyMap<string, Json | undefined>;

/** What must change in `before` to make `after`: a change deep inside a key counts as that key's. */
export function changesBetween(before: SessionData, after: SessionData): Changes {
  const changes = new Map<string, Json | undefined>();
  for (const [key, value] of Object.entries(after)) {
    if (!Object.hasOwn(before, key) || !sameJson(before[key], value)) changes.set(key, value);
  }
  for (const key of Object.keys(before)) if (!Object.hasOwn(after, key)) changes.set(key, undefined);
  return changes;
}

/** `data` with these changes made; `data` itself stays as it is. */
export function applyChanges(data: SessionData, changes: Changes): SessionData {
  if (changes.size === 0) return data;
  const result: Record<string, Json> = { ...data };
  for (const [key, value] of changes) {
    if (value === undefined) delete result[key];
    else result[key] = value;
  }
  return result;
}

/** How many write ids a record keeps: more than writers can come between a lost answer and its repetition. */
export const KEPT_WRITES = 16;

/** The ids of both, each once, the later ones last; no more than a record keeps. */
export function joinWrites(earlier: readonly string[], later: readonly string[]): string[] {
  return [...earlier.filter((write) => !later.includes(write)), ...later].slice(-KEPT_WRITES);
}

/** The keys of `now` that are not as they were; a value that cannot be stored is a change. */
export function changedKeys(before: SessionData, now: object): Set<string> {
  const values = now as Readonly<Record<string, unknown>>;
  // A name of `Object.prototype` is no key of `before`.
  const isSame = (key: string) => isStill(key, values[key], Object.hasOwn(before, key) ? before[key] : undefined);
  return new Set([...Object.keys(before), ...Object.keys(now)].filter((key) => !isSame(key)));
}
