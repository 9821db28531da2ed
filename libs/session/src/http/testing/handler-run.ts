// Runs a planned handler on a response, and writes down all that it sees.
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import type { ChunkPlan, Plan, Step } from './handler-plan.js';

/** What the response looks like at a `read`. */
export interface Reading {
  readonly fixed: unknown;
  readonly length: number;
  readonly finished: boolean;
  readonly needDrain: boolean;
  /** The commit is under way. */
  readonly waits: boolean;
}

/** What a handler has seen. */
export interface Trace {
  /** What each step returned or threw, while it ran. */
  readonly results: Record<number, string | boolean | Reading>;
  /** What came later, in order: events and callbacks, the latter with their errors' codes. */
  readonly heard: string[];
  /** The callbacks that were given. */
  readonly given: string[];
  /** Those that had been given when the commit was over. */
  awaited?: readonly string[];
  /** The first step at which the connection was broken off. */
  brokenAt?: number;
  /** The first step that made the response's head final. */
  headAt?: number;
}

type AnyCall = (...args: unknown[]) => unknown;

export class HandlerRun {
  readonly trace: Trace = { results: {}, heard: [], given: [] };

  constructor(
    private readonly plan: Plan,
    private readonly response: ServerResponse,
    /** Has the client leave; resolves when the server has noticed. */
    private readonly leave: () => Promise<void>,
    private readonly waits: () => boolean,
  ) {
    const { heard } = this.trace;
    for (const name of ['prefinish', 'finish', 'close', 'drain']) response.on(name, () => heard.push(name));
    if (plan.listens) response.on('error', (error) => this.hearError(error));
  }

  hearError(error: Error): void {
    this.trace.heard.push(`error ${codeOf(error)}`);
  }

  /** Runs the steps, and ends the response as a server's own error handler would, where they have not. */
  async run(): Promise<void> {
    const { plan, response, trace } = this;
    for (const [index, step] of plan.steps.entries()) {
      const result = await this.attempt(index, step);
      trace.results[index] = result;
      if (response.headersSent) trace.headAt ??= index;
      if (step.do === 'leave' || step.do === 'destroy') trace.brokenAt ??= index;
      if (step.do === 'throw' || (plan.aborts && typeof result === 'string' && result.startsWith('throws'))) break;
    }
    if (response.writableEnded) return;
    try {
      response.end();
    } catch {
      this.breakOff();
    }
  }

  private breakOff(): void {
    this.trace.brokenAt ??= this.plan.steps.length;
    this.response.destroy();
  }

  private async attempt(index: number, step: Step): Promise<string | boolean | Reading> {
    try {
      const result = await this.act(index, step);
      if (typeof result === 'boolean') return result;
      return isReading(result) ? result : 'returns';
    } catch (error) {
      return `throws ${codeOf(error)}`;
    }
  }

  private act(index: number, step: Step): unknown {
    const { response } = this;
    switch (step.do) {
      case 'setHeader':
      case 'appendHeader':
        return void response[step.do](step.name, copy(step.value) as string);
      case 'setHeaders':
        return void response.setHeaders(new Map(step.entries));
      case 'removeHeader':
        return response.removeHeader(step.name);
      case 'statusCode':
        return void (response.statusCode = step.value);
      case 'statusMessage':
        return void (response.statusMessage = step.value);
      case 'strictContentLength':
        return void (response.strictContentLength = true);
      case 'writeHead':
        return void (response.writeHead as AnyCall)(...(copy(step.args) as unknown[]));
      case 'addTrailers':
        return response.addTrailers({ [step.name]: step.value });
      case 'write':
      case 'end':
        return this.send(index, step);
      case 'writeAndDrain':
        return this.writeAndDrain(step.bytes);
      case 'pipe':
        return this.pipe(step.chunks, step.end);
      case 'writeEarlyHints':
        // Node 20 writes them into the middle of a response that has begun.
        return response.headersSent ? undefined : void response.writeEarlyHints({ link: '</a.css>; rel=preload' });
      case 'writeProcessing':
        return response.headersSent ? undefined : response.writeProcessing();
      default:
        return this.actSimply(step);
    }
  }

  private actSimply(step: Step): unknown {
    const { response } = this;
    switch (step.do) {
      case 'cork':
        // After the end, Node lets the next response of the connection wait for the uncork, if it has been made already.
        return response.writableEnded ? undefined : response.cork();
      case 'flushHeaders':
      case 'uncork':
        return response[step.do]();
      case 'destroy':
        return void response.destroy(step.error ? new Error('on purpose') : undefined);
      case 'leave':
        return this.leave();
      case 'tick':
        return new Promise<void>((resolve) => process.nextTick(resolve));
      case 'turn':
        return turn();
      case 'read':
        return this.read();
      default:
        throw Object.assign(new Error('on purpose'), { code: 'ON_PURPOSE' });
    }
  }

  private send(
    index: number,
    { do: call, chunk, encoding, callback }: Extract<Step, { do: 'write' | 'end' }>,
  ): unknown {
    const args: unknown[] = chunk === undefined ? [] : [chunkOf(chunk)];
    if (encoding !== null && chunk !== undefined) args.push(encoding);
    const name = `callback ${index}`;
    const heard = (error?: Error | null) => this.trace.heard.push(error ? `${name} ${codeOf(error)}` : name);
    if (callback) args.push(heard);
    const result = (this.response[call] as AnyCall)(...args);
    if (callback) this.trace.given.push(name);
    return call === 'write' ? result : undefined;
  }

  private async writeAndDrain(bytes: number): Promise<unknown> {
    const { response } = this;
    if (response.write(Buffer.alloc(bytes, 'd')) || response.destroyed || response.writableEnded) return undefined;
    let drained = () => undefined as void;
    const done = new Promise<string>((resolve) => (drained = () => resolve('drained')));
    response.once('drain', drained).once('close', drained).once('finish', drained);
    if ((await Promise.race([done, sleep(500, 'late', { ref: false })])) === 'late') throw withCode('NO_DRAIN');
    return undefined;
  }

  private async pipe(chunks: readonly string[], end: boolean): Promise<void> {
    const { response } = this;
    // A head that Node refuses would be refused in a listener of the source, where nobody can catch it.
    response.flushHeaders();
    const source = Readable.from(chunks.length > 0 ? chunks : ['']);
    const ended = new Promise<void>((resolve) => source.on('close', resolve));
    response.once('unpipe', () => source.destroy());
    source.on('error', () => undefined).pipe(response, { end });
    if (!response.writableEnded) await Promise.race([ended, sleep(200, undefined, { ref: false })]);
  }

  private read(): Reading {
    const { response } = this;
    const { headersSent, writableEnded, finished, statusCode, statusMessage, writableObjectMode } = response;
    const headers = Object.entries(response.getHeaders()).map(([name, value]) => [name, String(value)]);
    return {
      fixed: { headersSent, writableEnded, finished, statusCode, statusMessage, writableObjectMode, headers },
      length: response.writableLength,
      finished: response.writableFinished,
      needDrain: response.writableNeedDrain,
      waits: this.waits(),
    };
  }
}

function isReading(value: unknown): value is Reading {
  return typeof value === 'object' && value !== null && 'needDrain' in value;
}

function chunkOf(plan: ChunkPlan): unknown {
  if ('text' in plan) return plan.text;
  if ('bytes' in plan) return Buffer.alloc(plan.bytes, 'b');
  return { object: {}, null: null, number: 7 }[plan.refused];
}

/** Node changes the lists that it gets. */
function copy(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? structuredClone(value) : value;
}

function withCode(code: string): Error {
  return Object.assign(new Error(code), { code });
}

function codeOf(error: unknown): string {
  const { code, name } = error as NodeJS.ErrnoException;
  return code ?? name;
}
