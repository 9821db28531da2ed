// Holds a response back until its session is committed: no byte leaves before, and a failure replaces the answer.
import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { FailureAnswer } from '../options.js';

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
  new ResponseGate(response as GatedResponse, gate).close();
}

const GATE = Symbol('roam.session.gate');
type GatedResponse = ServerResponse & { [GATE]: ResponseGate };
type Call = (this: ServerResponse, ...args: unknown[]) => unknown;

/** What stands in for the response's methods: one function for all responses, so that a request makes none. */
const standIns: Record<Method, Call> = {
  write: standIn('write'),
  end: standIn('end'),
  writeHead: standIn('writeHead'),
  flushHeaders: standIn('flushHeaders'),
};

function standIn(method: Method): Call {
  return function (this: ServerResponse, ...args: unknown[]): unknown {
    return (this as GatedResponse)[GATE].intercept(method, args);
  };
}

class ResponseGate {
  private state: 'untouched' | 'holding' | 'open' | 'discarding' = 'untouched';
  private held: { method: Method; args: unknown[] }[] = [];
  private heldBytes = 0;
  private readonly original: Record<Method, Call>;
  private readonly headersBefore: OutgoingHttpHeaders;

  constructor(
    private readonly response: GatedResponse,
    private readonly gate: Gate,
  ) {
    const { write, end, writeHead, flushHeaders } = response as unknown as Record<Method, Call>;
    this.original = { write, end, writeHead, flushHeaders };
    this.headersBefore = response.getHeaders();
  }

  close(): void {
    this.response[GATE] = this;
    this.put(standIns);
  }

  intercept(method: Method, args: unknown[]): unknown {
    if (this.state === 'untouched') this.start(method);
    if (this.state === 'open') return this.call(method, args);
    if (this.state === 'holding') {
      this.held.push({ method, args });
      if (method === 'write' || method === 'end') this.heldBytes += sizeOf(args[0]);
    }
    return method === 'write' ? this.state === 'discarding' || this.heldBytes <= HIGH_WATER_MARK : this.response;
  }

  private start(method: Method): void {
    const { response, gate } = this;
    if (response.headersSent) {
      // Somebody answered past this gate, a deadline for example: what the handler did is not to be kept.
      this.state = 'discarding';
      return;
    }
    const committed = gate.before();
    if (committed === undefined) {
      this.state = 'open';
      gate.onHeaders(method === 'end');
      this.put(this.original);
      return;
    }
    this.state = 'holding';
    // Whoever asks meanwhile must not begin a second answer.
    Object.defineProperty(response, 'headersSent', { configurable: true, get: () => true });
    committed.then(
      () => this.release(),
      (error: unknown) => this.fail(error),
    );
  }

  private release(): void {
    this.restore();
    this.state = 'open';
    const head = this.held.find(({ method }) => method === 'writeHead');
    if (head) takeHeaders(this.response, head.args);
    this.gate.onHeaders(this.held.at(-1)?.method === 'end');
    const mustDrain = this.heldBytes > HIGH_WATER_MARK;
    let flowing = true;
    for (const { method, args } of this.held) flowing = this.call(method, args) !== false && flowing;
    this.held = [];
    // The handler was told to wait; if the socket took everything, nobody else will wake it.
    if (mustDrain && flowing && !this.response.writableEnded) this.response.emit('drain');
  }

  private fail(error: unknown): void {
    const { response } = this;
    this.held = [];
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    for (const [name, value] of Object.entries(this.headersBefore)) response.setHeader(name, value!);
    // What the handler still writes belongs to the answer that is replaced.
    this.state = 'discarding';
    if (this.heldBytes > HIGH_WATER_MARK) response.emit('drain');
    void this.gate.onFailure(error).then(({ status, headers, body }) => {
      this.original.writeHead.call(response, status, headers);
      this.original.end.call(response, response.req.method === 'HEAD' ? undefined : body);
    });
  }

  private call(method: Method, args: unknown[]): unknown {
    const { response } = this;
    if (method !== 'writeHead') return this.original[method].apply(response, args);
    const [status, message] = args;
    takeHeaders(response, args);
    const rest = typeof message === 'string' ? [message] : [];
    return this.original.writeHead.call(response, status, ...rest);
  }

  private restore(): void {
    this.put(this.original);
    delete (this.response as { headersSent?: boolean }).headersSent;
  }

  private put({ write, end, writeHead, flushHeaders }: Record<Method, Call>): void {
    Object.assign(this.response, { write, end, writeHead, flushHeaders });
  }
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
