// Holds a response's bytes back until its session is committed; a failed commit replaces the whole answer.
import { OutgoingMessage, ServerResponse, type OutgoingHttpHeaders } from 'node:http';
import type { AddedHeader } from '../carriers/carrier.js';
import type { FailureAnswer } from '../core/options.js';
import { withHeaders, type MergedHeader } from './head.js';
import { isInjected, sendAsNode } from './injected.js';

/** What the gate asks and tells. */
export interface Gate {
  /** Called before the handler's first byte leaves; undefined lets the response pass at once. */
  before(): Promise<void> | undefined;
  /**
   * Called just before the head leaves, after `before` succeeded: the headers to add. `isWhole` when the handler has ended
   * the response already, so that nothing can follow.
   */
  onHead(isWhole: boolean): readonly (AddedHeader | MergedHeader)[];
  /** The answers that replace the handler's when `before` failed: the first that Node accepts is sent. Never rejects. */
  onFailure(error: unknown): Promise<readonly FailureAnswer[]>;
  /** An `error` event of the response that nobody listens to; it would end the process. */
  onUnheardError(error: Error): void;
  /** Called when the response has closed and its listeners have run. */
  onClosed(): void;
}

/**
 * What of Node's response the gate is built on. `ServerResponse` keeps all its own books: it checks each call, throws,
 * and renders the head. Everything of the final response then goes through `_send`, and this is where it is held back.
 * Informational responses (1xx) do not. `response-gate.spec.ts` holds each Node version to this.
 */
interface NodeResponse extends ServerResponse {
  /** The head as it will be sent, as soon as it is fixed. */
  _header: string | null;
  _headerSent: boolean;
  /** Bytes on their way to the socket, a part of `writableLength`. */
  outputSize: number;
  _send(...chunk: Chunk): boolean;
}

type Callback = (error?: Error | null) => void;
type Chunk = [data: string | Uint8Array, encoding?: BufferEncoding | null, callback?: Callback | null, size?: number];
type Call = (this: ServerResponse, ...args: unknown[]) => unknown;
type Method = 'write' | 'end' | 'flushHeaders';

const GATE = Symbol('roam.session.gate');
type GatedResponse = NodeResponse & { [GATE]: ResponseGate };

/** False for HTTP/2, whose responses are made otherwise. */
export function canBeGated(response: ServerResponse): boolean {
  return typeof (response as NodeResponse)._send === 'function';
}

/**
 * Puts a gate before this response's first byte.
 * @param headersBefore what an answer in the place of the handler's keeps
 */
export function gateResponse(response: ServerResponse, gate: Gate, headersBefore?: OutgoingHttpHeaders): void {
  if (isInjected(response)) sendAsNode(response);
  new ResponseGate(response as GatedResponse, gate, headersBefore).close();
}

/** What stands in for the response's methods: one function for all responses, so that a request makes none. */
const standIns = {
  write: standIn('write'),
  end: standIn('end'),
  flushHeaders: standIn('flushHeaders'),
  _send: sendToGate,
};

function sendToGate(this: GatedResponse, ...chunk: Chunk): boolean {
  return this[GATE].send(chunk);
}

function standIn(method: Method): Call {
  return function (this: ServerResponse, ...args: unknown[]): unknown {
    return (this as GatedResponse)[GATE].call(method, args);
  };
}

function onError(this: ServerResponse, error: Error): void {
  (this as GatedResponse)[GATE].hear(error);
}

function onClose(this: ServerResponse): void {
  setImmediate(afterClose, (this as GatedResponse)[GATE]);
}

function afterClose(gate: ResponseGate): void {
  gate.leave();
}

/** The gate of one response; `gateResponse` makes it. Exported for tests that break its parts. */
export class ResponseGate {
  protected state: 'untouched' | 'holding' | 'open' | 'replaced' = 'untouched';
  /** The handler's latest call. Undefined: what is sent comes from somebody else. */
  protected entered: Method | undefined;
  protected held: Chunk[] = [];
  protected heldLength = 0;
  protected readonly original: Record<Method, Call> & Pick<NodeResponse, '_send'>;
  protected readonly keepsAlive: boolean;

  constructor(
    protected readonly response: GatedResponse,
    protected readonly gate: Gate,
    protected readonly headersBefore: OutgoingHttpHeaders = response.getHeaders(),
  ) {
    const { write, end, flushHeaders, _send } = response as unknown as ResponseGate['original'];
    this.original = { write, end, flushHeaders, _send };
    this.keepsAlive = response.shouldKeepAlive;
  }

  close(): void {
    this.response[GATE] = this;
    const response = this.response as unknown as ResponseGate['original'];
    response.write = standIns.write;
    response.end = standIns.end;
    response.flushHeaders = standIns.flushHeaders;
    response._send = standIns._send;
    this.response.on('error', onError).on('close', onClose);
  }

  /** A handler's call: Node checks it first, and what is to be sent then comes to `send`. */
  call(method: Method, args: unknown[]): unknown {
    const before = this.entered;
    this.entered = method;
    try {
      return this.original[method].apply(this.response, args);
    } catch (error) {
      this.entered = before;
      throw error;
    }
  }

  send(chunk: Chunk): boolean {
    if (this.state === 'untouched') this.begin();
    if (this.state === 'holding') return this.hold(chunk);
    if (this.state === 'open') return this.original._send.apply(this.response, chunk);
    callBack([chunk]);
    return true;
  }

  hear(error: Error): void {
    if (this.response.listenerCount('error') === 1) this.gate.onUnheardError(error);
  }

  leave(): void {
    this.gate.onClosed();
  }

  /** At the first byte. */
  protected begin(): void {
    // Somebody answers past this gate, a deadline for example: what the handler did is not to be kept.
    if (this.entered === undefined) return this.open();
    this.state = 'holding';
    try {
      const committed = this.gate.before();
      if (committed) {
        committed.then(() => this.release()).catch((error: unknown) => this.fail(error));
      } else {
        this.addHeaders(this.entered === 'end');
        this.open();
      }
    } catch (error) {
      this.fail(error);
    }
  }

  /** Takes itself out of the way, where nobody has wrapped it meanwhile. */
  protected open(): void {
    const response = this.response as unknown as ResponseGate['original'];
    this.state = 'open';
    if (response.write === standIns.write) response.write = this.original.write;
    if (response.end === standIns.end) response.end = this.original.end;
    if (response.flushHeaders === standIns.flushHeaders) response.flushHeaders = this.original.flushHeaders;
    response._send = this.original._send;
  }

  /** To the handler, this is a socket that has taken the bytes and not sent them yet. */
  protected hold(chunk: Chunk): boolean {
    const { response } = this;
    const [data, encoding] = chunk;
    if (encoding && !Buffer.isEncoding(encoding)) Buffer.from('', encoding); // throws as the socket would
    // Counted as the socket counts: when the handler is told to wait, so is whoever writes to the socket at the release.
    let { length } = data;
    if (!response._headerSent && response._header !== null) {
      length += response._header.length;
      response._headerSent = true;
    }
    this.held.push(chunk);
    this.heldLength += length;
    response.outputSize += length;
    return response.writableLength < response.writableHighWaterMark;
  }

  /** What was held; the response no longer counts it. */
  protected takeHeld(): Chunk[] {
    const { held, response } = this;
    response.outputSize = Math.max(0, response.outputSize - this.heldLength);
    this.held = [];
    this.heldLength = 0;
    return held;
  }

  protected release(): void {
    const { response, original } = this;
    const { socket } = response;
    this.addHeaders(response.writableEnded);
    if (socket?.destroyed) {
      this.open();
      return callBack(this.takeHeld(), streamDestroyed());
    }
    response._headerSent = false;
    // As one piece: when that is more than the socket buffers, the socket's own `drain` wakes the handler.
    socket?.cork();
    // Node puts the head before a chunk of these encodings, and before others by a way on which it may emit `drain` already.
    const [data, encoding] = this.held[0];
    if (typeof data !== 'string' || (encoding && encoding !== 'utf8' && encoding !== 'latin1'))
      original._send.call(response, '', 'latin1');
    while (this.held.length > 0) for (const chunk of this.takeHeld()) original._send.apply(response, chunk);
    this.open();
    socket?.uncork();
    if (response.writableEnded) uncork(socket);
  }

  protected addHeaders(isWhole: boolean): void {
    const { response, gate } = this;
    const added = gate.onHead(isWhole);
    if (added.length > 0 && response._header !== null) response._header = withHeaders(response._header, added);
  }

  protected fail(error: unknown): void {
    void this.gate.onFailure(error).then((answers) => this.replace(answers));
  }

  /** Ends the response with the first of these answers that Node accepts; what the handler wrote and writes goes nowhere. */
  protected replace(answers: readonly FailureAnswer[]): void {
    const { response } = this;
    const { socket, writableEnded, writableNeedDrain } = response;
    response.strictContentLength = false;
    if (!writableEnded) (OutgoingMessage.prototype.end as Call).call(response);
    const held = this.takeHeld();
    this.state = 'replaced';
    // Who still streams into it, as Nest's `@Sse` does, may wait for the end of the connection only.
    const body = this.renderHead(answers, !writableEnded && response.req.complete);
    if (socket?.destroyed || body === undefined) {
      callBack(held, streamDestroyed());
      response.destroy();
    } else {
      this.original._send.call(response, response.req.method === 'HEAD' ? '' : body, 'utf8', () => callBack(held));
      uncork(socket);
    }
    // A handler that waits for it learns by its next write that the response has ended.
    if (writableNeedDrain) response.emit('drain');
  }

  /** Makes the head of the first answer that Node accepts the response's own. @returns that answer's body */
  protected renderHead(answers: readonly FailureAnswer[], mustClose: boolean): string | undefined {
    const { response } = this;
    const isLast = mustClose || /^close$/i.test(String(response.getHeader('connection')));
    for (const { status, headers, body } of answers) {
      Object.assign(response, { _header: null, _headerSent: false, chunkedEncoding: false });
      for (const name of response.getHeaderNames()) response.removeHeader(name);
      for (const [name, value] of Object.entries(this.headersBefore)) response.setHeader(name, value!);
      if (isLast) response.setHeader('Connection', 'close');
      // Whether the connection goes on is for the client and this answer to say.
      Object.assign(response, { shouldKeepAlive: this.keepsAlive, _last: false, _removedConnection: false });
      response.sendDate = true;
      response.statusMessage = '';
      try {
        ServerResponse.prototype.writeHead.call(response, status, headers);
        return body;
      } catch (error) {
        this.gate.onUnheardError(error as Error);
      }
    }
    return undefined;
  }
}

/** As `end` does, whatever the handler has done to the socket after that. */
function uncork(socket: ServerResponse['socket']): void {
  while (socket && socket.writableCorked > 0) socket.uncork();
}

/** One after the other, as Node does: what one of them throws keeps no other from being called. */
function callBack(chunks: readonly Chunk[], error?: Error): void {
  for (const [, , callback] of chunks) if (callback) process.nextTick(callback, error);
}

function streamDestroyed(): Error {
  const error = new Error('The client has left before the response was sent.');
  return Object.assign(error, { code: 'ERR_STREAM_DESTROYED' });
}
