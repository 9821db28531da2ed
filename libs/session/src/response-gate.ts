// Holds a response back until its session is committed: no byte leaves before, and a failure replaces the answer.
import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { FailureAnswer } from './options.js';

type Method = 'write' | 'end' | 'writeHead' | 'flushHeaders';

/** What the gate asks and tells. */
export interface Gate {
  /** Called at the handler's first byte; undefined lets the response pass at once. */
  before(): Promise<void> | undefined;
  /**
   * Called just before the headers leave, after `before` succeeded: the place to set cookies. `isWhole` when the handler
   * has ended the response already, so that nothing can follow.
   */
  onHeaders(isWhole: boolean): void;
  /** The answer that replaces the handler's when `before` failed. */
  onFailure(error: unknown): Promise<FailureAnswer>;
}

/** Bytes held before the handler is asked to wait, as a socket's own buffer would. */
const HIGH_WATER_MARK = 16 * 1024;

/** Puts a gate before this response's first byte. */
export function gateResponse(response: ServerResponse, gate: Gate): void {
  const original = {
    write: response.write.bind(response),
    end: response.end.bind(response),
    writeHead: response.writeHead.bind(response),
    flushHeaders: response.flushHeaders.bind(response),
  } as Record<Method, (...args: unknown[]) => unknown>;
  const headersBefore = response.getHeaders();
  let state: 'untouched' | 'holding' | 'open' | 'discarding' = 'untouched';
  let held: { method: Method; args: unknown[] }[] = [];
  let heldBytes = 0;

  const intercept =
    (method: Method) =>
    (...args: unknown[]): unknown => {
      if (state === 'untouched') start(method);
      if (state === 'open') return call(method, args);
      if (state === 'holding') {
        held.push({ method, args });
        if (method === 'write' || method === 'end') heldBytes += sizeOf(args[0]);
      }
      return method === 'write' ? state === 'discarding' || heldBytes <= HIGH_WATER_MARK : response;
    };

  function start(method: Method): void {
    if (response.headersSent) {
      // Somebody answered past this gate, a deadline for example: what the handler did is not to be kept.
      state = 'discarding';
      return;
    }
    const committed = gate.before();
    if (committed === undefined) {
      state = 'open';
      gate.onHeaders(method === 'end');
      restore();
      return;
    }
    state = 'holding';
    // Whoever asks meanwhile must not begin a second answer.
    Object.defineProperty(response, 'headersSent', { configurable: true, get: () => true });
    committed.then(release, fail);
  }

  function release(): void {
    restore();
    state = 'open';
    const head = held.find(({ method }) => method === 'writeHead');
    if (head) takeHeaders(response, head.args);
    gate.onHeaders(held.at(-1)?.method === 'end');
    const mustDrain = heldBytes > HIGH_WATER_MARK;
    let flowing = true;
    for (const { method, args } of held) flowing = call(method, args) !== false && flowing;
    held = [];
    // The handler was told to wait; if the socket took everything, nobody else will wake it.
    if (mustDrain && flowing && !response.writableEnded) response.emit('drain');
  }

  function fail(error: unknown): void {
    held = [];
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    for (const [name, value] of Object.entries(headersBefore)) response.setHeader(name, value!);
    // What the handler still writes belongs to the answer that is replaced.
    state = 'discarding';
    if (heldBytes > HIGH_WATER_MARK) response.emit('drain');
    void gate.onFailure(error).then(({ status, headers, body }) => {
      original.writeHead(status, headers);
      original.end(response.req.method === 'HEAD' ? undefined : body);
    });
  }

  function call(method: Method, args: unknown[]): unknown {
    if (method !== 'writeHead') return original[method](...args);
    const [status, message] = args;
    takeHeaders(response, args);
    return typeof message === 'string' ? original.writeHead(status, message) : original.writeHead(status);
  }

  function restore(): void {
    for (const method of methods) response[method] = original[method] as never;
    delete (response as { headersSent?: boolean }).headersSent;
  }

  const methods: readonly Method[] = ['write', 'end', 'writeHead', 'flushHeaders'];
  for (const method of methods) response[method] = intercept(method) as never;
}

/** Moves `writeHead`'s headers to the response, so that they join the cookies instead of replacing them. */
function takeHeaders(response: ServerResponse, args: unknown[]): void {
  const given = (typeof args[1] === 'string' ? args[2] : args[1]) as
    OutgoingHttpHeaders | OutgoingHttpHeader[] | undefined;
  args.length = typeof args[1] === 'string' ? 2 : 1;
  if (given === undefined) return;
  const pairs: [string, OutgoingHttpHeader | undefined][] = Array.isArray(given)
    ? toPairs(given)
    : Object.entries(given);
  for (const [name, value] of pairs) {
    if (value === undefined) continue;
    if (name.toLowerCase() === 'set-cookie') response.appendHeader(name, value as string | string[]);
    else response.setHeader(name, value);
  }
}

/** `writeHead` takes arrays flat (name, value, name, value) and nested. */
function toPairs(given: OutgoingHttpHeader[]): [string, OutgoingHttpHeader][] {
  if (Array.isArray(given[0])) return given as unknown as [string, OutgoingHttpHeader][];
  const pairs: [string, OutgoingHttpHeader][] = [];
  for (let i = 0; i + 1 < given.length; i += 2) pairs.push([String(given[i]), given[i + 1]]);
  return pairs;
}

function sizeOf(chunk: unknown): number {
  return typeof chunk === 'string' || chunk instanceof Uint8Array ? chunk.length : 0;
}
