// Where a gated response differs from a bare one, apart from the differences by design.
import { isDeepStrictEqual } from 'node:util';
import { FAILURE, finalOf, informationalOf, type Observation } from './gate-world.js';
import type { Plan } from './handler-plan.js';
import type { Reading, Trace } from './handler-run.js';

/**
 * What differs by design; each has its own test in `response-gate.spec.ts`.
 * - *When bytes leave.* Until then a response is longer, not finished, and asks for back-pressure at the same number of
 *   bytes; its callbacks and events come later, in the same order. A second `end` is called back when the first is done.
 *   Once it has broken off, only callbacks and survival count.
 * - *A failed commit.* The client gets the module's answer; the handler's calls behave as after a response has finished.
 * - *Added headers.* `Set-Cookie`, and `Cache-Control` where the handler has set none.
 * - *Unheard errors.* An `error` event without a listener is reported instead of uncaught.
 * - *Informational responses* (1xx) pass before the commit.
 */
export type Rule =
  | 'everything comes to an end'
  | 'no byte before the commit'
  | 'calls return and throw as in Node'
  | 'a response that waits is not finished'
  | 'callbacks are called'
  | 'callbacks and events come in order'
  | 'errors are heard'
  | 'the same bytes are sent'
  | 'headers are added'
  | 'a failed commit replaces the whole answer';

export interface Difference {
  readonly rule: Rule;
  readonly bare: unknown;
  readonly gated: unknown;
}

const ADDED = 'Set-Cookie: gate=1\r\n';
const ADDED_IF_MISSING = 'Cache-Control: gate\r\n';
const ALREADY = 'ERR_STREAM_ALREADY_FINISHED';

export function differencesOf(plan: Plan, bare: Observation, gated: Observation): Difference[] {
  const differences: Difference[] = [];
  const same = (rule: Rule, a: unknown, b: unknown) => {
    if (!isDeepStrictEqual(a, b)) differences.push({ rule, bare: a, gated: b });
  };
  // A handler can have a bare connection hang, by a header of its own; then there is nothing to compare.
  if (bare.hangs) return differences;
  same('everything comes to an end', false, gated.hangs);
  same('no byte before the commit', false, gated.isEarly);
  if (differences.length > 0) return differences;
  const isBroken = bare.trace.brokenAt !== undefined || gated.trace.brokenAt !== undefined;
  compareResults(plan, bare.trace, gated.trace, same);
  compareCallbacks(plan, isBroken, bare.trace, gated.trace, same);
  if (isBroken) return differences;
  const counts = ['finish', 'close'].map((name) => countOf(gated.trace, name));
  same('callbacks and events come in order', [1, 1], counts);
  if (plan.commit === 'failing') {
    same('a failed commit replaces the whole answer', undefined, faultOfFailure(plan, gated.received));
    return differences;
  }
  compareOrder(bare.trace, gated.trace, same);
  same('errors are heard', ...errorsOf(bare.trace, gated.trace));
  same('the same bytes are sent', informationalOf(bare.received), informationalOf(gated.received));
  compareBytes(finalOf(bare.received), finalOf(gated.received), same);
  return differences;
}

type Same = (rule: Rule, bare: unknown, gated: unknown) => void;

function compareResults(plan: Plan, bare: Trace, gated: Trace, same: Same): void {
  const broken = Math.min(bare.brokenAt ?? Infinity, gated.brokenAt ?? Infinity);
  const replaced = plan.commit === 'failing' ? (gated.headAt ?? Infinity) : Infinity;
  for (const [index, step] of plan.steps.entries()) {
    if (index >= broken || index > replaced) return;
    const [expected, result] = [bare.results[index], gated.results[index]];
    if (typeof expected === 'object' && typeof result === 'object') {
      same('calls return and throw as in Node', expected.fixed, result.fixed);
      compareWaiting(plan, expected, result, same);
    } else if (!isByDesign(plan, expected, result)) {
      same('calls return and throw as in Node', { step, result: expected }, { step, result });
    }
  }
}

/** A response that waits asks for back-pressure longer; one that is replaced wakes its handler also when it is corked. */
function isByDesign({ commit }: Plan, bare: Trace['results'][number], gated: Trace['results'][number]): boolean {
  if (commit === 'failing' && bare === 'throws NO_DRAIN') return true;
  return commit !== 'none' && bare === true && gated === false;
}

function compareWaiting(plan: Plan, bare: Reading, gated: Reading, same: Same): void {
  same('a response that waits is not finished', gated.finished, gated.finished && bare.finished && !gated.waits);
  same('a response that waits is not finished', gated.length, Math.max(gated.length, bare.length));
  if (plan.commit === 'none')
    same('a response that waits is not finished', [bare.finished, bare.needDrain], [gated.finished, gated.needDrain]);
}

const calledOf = ({ heard }: Trace) =>
  heard.filter((entry) => entry.startsWith('callback')).map((entry) => entry.split(' ', 2).join(' '));

const countOf = ({ heard }: Trace, name: string) => heard.filter((entry) => entry === name).length;

/** What tells of bytes that were sent, in order; without the second `end`s that came when all was sent already. */
function sentOf(bare: Trace, gated: Trace): [string[], string[]] {
  const already = bare.heard
    .filter((entry) => entry.endsWith(ALREADY))
    .map((entry) => entry.replace(` ${ALREADY}`, ''));
  const sent = ({ heard }: Trace) =>
    heard.filter((entry) => /^(callback \d+|finish|close)$/.test(entry) && !already.includes(entry));
  return [sent(bare), sent(gated)];
}

/**
 * What was refused. Node says nothing more of a write after the end when the response has closed, and one that waits has
 * not closed yet.
 */
function errorsOf(bare: Trace, gated: Trace): [string[], string[]] {
  const refused = ({ heard }: Trace) =>
    heard.filter((entry) => /^(callback \d+|error) \w+$/.test(entry) && !entry.endsWith(ALREADY)).sort();
  const [expected, found] = [refused(bare), refused(gated)];
  const missing = [...expected];
  const extra = found.filter((entry) => {
    const index = missing.indexOf(entry);
    if (index >= 0) missing.splice(index, 1);
    return index < 0 && !entry.endsWith('ERR_STREAM_WRITE_AFTER_END');
  });
  return [missing, extra].every(({ length }) => length === 0) ? [[], []] : [expected, found];
}

function compareCallbacks(plan: Plan, isBroken: boolean, bare: Trace, gated: Trace, same: Same): void {
  const called = calledOf(gated);
  // What comes after a failed commit comes to a finished response, of which Node itself drops some.
  const expected = plan.commit === 'failing' ? (gated.awaited ?? []) : calledOf(bare);
  // Node 20 does not call back an `end` whose connection has broken off.
  const mustCall = (name: string) => !isBroken || plan.steps[Number(name.split(' ')[1])].do === 'write';
  const missing = expected.filter((name) => mustCall(name) && !called.includes(name));
  same('callbacks are called', [], missing);
  same('callbacks are called', [...new Set(called)], called);
}

function compareOrder(bare: Trace, gated: Trace, same: Same): void {
  const [sent, sentLater] = sentOf(bare, gated);
  const withoutFinish = (entries: string[]) => entries.filter((entry) => entry !== 'finish');
  same('callbacks and events come in order', withoutFinish(sent), withoutFinish(sentLater));
  // Node itself may finish before it has called back for an empty chunk.
  same('callbacks and events come in order', true, sentLater.indexOf('finish') >= sent.indexOf('finish'));
  same('callbacks and events come in order', countOf(bare, 'prefinish'), countOf(gated, 'prefinish'));
}

function compareBytes(bare: string, gated: string, same: Same): void {
  const head = bare.slice(0, bare.indexOf('\r\n\r\n') + 2);
  const isMissing = !/^cache-control:/im.test(head);
  const added = (isMissing ? [ADDED, ADDED_IF_MISSING] : [ADDED]).map((line) => gated.includes(line));
  same(
    'headers are added',
    added.map(() => true),
    added,
  );
  same('headers are added', isMissing, gated.includes(ADDED_IF_MISSING));
  const rest = gated.replace(ADDED, '').replace(ADDED_IF_MISSING, '');
  same('the same bytes are sent', withoutDate(bare), withoutDate(rest));
}

const withoutDate = (text: string) => text.replace(/^Date: .*GMT\r$/gm, 'Date: now\r');

function faultOfFailure({ method, version }: Plan, received: string): string | undefined {
  const final = finalOf(received);
  const end = final.indexOf('\r\n\r\n') + 4;
  const [head, rest] = [final.slice(0, end), final.slice(end)];
  const body = method === 'HEAD' ? '' : FAILURE;
  if (!head.startsWith('HTTP/1.1 503 Service Unavailable\r\n')) return `another status: ${head}`;
  for (const line of ['X-Before: 1', 'X-Failed: 1', `Content-Length: ${FAILURE.length}`])
    if (!head.toLowerCase().includes(`${line.toLowerCase()}\r\n`)) return `without ${line}: ${head}`;
  if (/^(x-a|set-cookie|cache-control|vary|link|trailer|transfer-encoding):/im.test(head))
    return `a header stays: ${head}`;
  if (!rest.startsWith(body)) return `another body: ${rest.slice(0, 100)}`;
  const next = rest.slice(body.length);
  const isKept = version === '1.1' && !/^connection: close\r$/im.test(head);
  if (isKept ? !/^HTTP\/1\.1 200 OK\r\n[^]*second$/.test(next) : next !== '')
    return `what follows: ${next.slice(0, 100)}`;
  return undefined;
}
