// Looks through a history for a broken promise.
import { describeOperation, type Operation } from './history.js';

export interface Promises {
  /** For so long after an acknowledged logout a copy of the session may still be let in (0 but for `cookie`). */
  readonly endWithinMs: number;
  /** A request without an answer that has had no effect by then never has one. */
  readonly horizonMs: number;
}

export const strict: Promises = { endWithinMs: 0, horizonMs: 5_000 };

/** A promise that was broken, and the requests that show it: no fewer would. */
export interface Violation {
  readonly promise:
    | 'no acknowledged write is lost'
    | 'no browser reads older than it has read'
    | 'no write lands that nobody sent, or long after it was sent'
    | 'nobody is logged out'
    | 'no acknowledged login is lost'
    | 'no acknowledged logout is undone'
    | 'no session comes back'
    | 'nobody sees what is somebody else’s';
  readonly operations: readonly Operation[];
}

/** Every broken promise, those that need the fewest requests to be shown first. */
export function check(history: readonly Operation[], promises: Promises = strict): Violation[] {
  const violations = [
    ...strangers(history),
    ...[...groupBy(history, ({ user }) => user).values()].flatMap((own) => [
      ...lostAccounts(own),
      ...logins(own, promises),
      ...[...groupBy(own, ({ cart }) => cart).values()].flatMap((cart) => registers(cart, promises)),
    ]),
  ];
  return violations.sort((a, b) => a.operations.length - b.operations.length);
}

/** The shortest history that breaks a promise, for people; undefined when none is broken. */
export function explain(violations: readonly Violation[]): string | undefined {
  const [shortest] = violations;
  if (!shortest) return undefined;
  const operations = [...shortest.operations].sort((a, b) => a.begun - b.begun);
  const lines = operations.map((operation) => `  ${describeOperation(operation, operations[0].begun)}`);
  const more = violations.length > 1 ? [`(and ${violations.length - 1} more)`] : [];
  return [`Broken: ${shortest.promise}.`, ...lines, ...more].join('\n');
}

function strangers(history: readonly Operation[]): Violation[] {
  return history
    .filter(
      ({ user, who, seen = {} }) =>
        (who !== undefined && who !== user) || Object.keys(seen).some((key) => !key.startsWith(`${user}-`)),
    )
    .map((operation) => ({ promise: 'nobody sees what is somebody else’s', operations: [operation] }));
}

function lostAccounts(own: readonly Operation[]): Violation[] {
  const registered = own.find(({ action, outcome }) => action === 'register' && outcome === 'ok');
  if (!registered) return [];
  return own
    .filter(({ action, status, begun }) => action === 'login' && status === 401 && begun > registered.ended)
    .map((login) => ({ promise: 'no acknowledged login is lost', operations: [registered, login] }));
}

/** When a request has had its effect, or never will have one. */
function effectiveBy({ outcome, begun, ended, isLoose }: Operation, { horizonMs }: Promises): number {
  if (isLoose) return Infinity;
  return outcome === 'ok' ? ended : Math.max(begun + horizonMs, ended);
}

/** Each login lives from its answer to the first request that ends it, and never again. */
function logins(own: readonly Operation[], promises: Promises): Violation[] {
  const violations: Violation[] = [];
  for (const login of own) {
    const name = login.makes;
    if (name === undefined || login.outcome !== 'ok') continue;
    const ends = own
      .filter(({ ends: which, token, outcome }) =>
        outcome === 'failed' ? false : which === 'others' ? token !== name : which?.includes(name),
      )
      .map((end) => ({ end, by: effectiveBy(end, promises) + promises.endWithinMs }))
      .filter(({ by }) => by > login.begun);
    const about = own.filter(({ token, action }) => token === name && action === 'me');
    const alive = about.filter(({ outcome }) => outcome === 'ok');
    const dead = about.filter(({ status }) => status === 401);

    for (const { end, by } of ends) {
      if (end.outcome !== 'ok' || end.begun < login.ended) continue;
      const undone = alive.find(({ begun }) => begun > by);
      if (undone) violations.push({ promise: 'no acknowledged logout is undone', operations: [login, end, undone] });
    }
    const first = dead.reduce((a, b) => (b.ended < (a?.ended ?? Infinity) ? b : a), undefined as Operation | undefined);
    if (first === undefined) continue;
    const revived = alive.find(({ begun }) => begun > first.ended + promises.endWithinMs);
    if (revived) violations.push({ promise: 'no session comes back', operations: [first, revived] });
    // What ended before the session was seen alive did not end it.
    const before = alive.filter(({ ended, fromCopy }) => ended <= first.begun && !fromCopy);
    const seen = Math.max(login.begun, ...before.map(({ begun }) => begun));
    const ended = ends.some(({ end, by }) => end.begun < first.ended && by > seen);
    if (!ended) violations.push({ promise: 'nobody is logged out', operations: [login, first] });
  }
  return violations;
}

/**
 * Each key of a cart is a register. A read may show what a write put there, unless it is known that another write came
 * after that one and was in place before the read began. Every value is written once, so reads name their write.
 * Of answers that come at the same moment the browser keeps one copy for an outage, which may lack what another has written.
 */
function registers(cart: readonly Operation[], promises: Promises): Violation[] {
  if (cart[0].cart === undefined) return [];
  const violations: Violation[] = [];
  const keys = new Set(
    cart.flatMap(({ key, seen = {} }) => [...(key === undefined ? [] : [key]), ...Object.keys(seen)]),
  );
  const reads = cart.filter(({ seen }) => seen !== undefined);
  for (const key of keys) {
    const writes = new Map(
      cart.filter((each) => each.key === key && each.outcome !== 'failed').map((write) => [write.value, write]),
    );
    /** For each write, the first of its reads to end: since then it is known to be in place. */
    const firstSeen = new Map<Operation, Operation>();
    for (const read of reads) {
      const write = writes.get(read.seen![key]);
      if (!write || write === read) continue;
      const known = firstSeen.get(write);
      if (!known || read.ended < known.ended) firstSeen.set(write, read);
    }
    for (const read of reads) {
      const value = read.seen![key];
      const write = writes.get(value);
      if (value !== undefined && (!write || write.begun > read.ended)) {
        violations.push({
          promise: 'no write lands that nobody sent, or long after it was sent',
          operations: write ? [read, write] : [read],
        });
        continue;
      }
      const overwritten = write ? effectiveBy(write, promises) : -Infinity;
      for (const later of writes.values()) {
        if (later === write || later.begun < overwritten || later.begun > read.begun) continue;
        const since = firstSeen.get(later);
        const basis = write ? [write] : [];
        if (since && since.ended <= read.begun) {
          violations.push({
            promise: 'no browser reads older than it has read',
            operations: [...basis, later, since, read],
          });
        } else if (later.outcome === 'ok' && later.ended <= read.begun && (!later.isLoose || read.isFinal)) {
          if (read.fromCopy && cart.some((each) => isBeside(each, later))) continue;
          violations.push({ promise: 'no acknowledged write is lost', operations: [...basis, later, read] });
        }
      }
    }
  }
  return violations;
}

function isBeside(each: Operation, write: Operation): boolean {
  return each !== write && each.action === 'write' && each.begun < write.ended && each.ended > write.begun;
}

function groupBy<K, T>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}
