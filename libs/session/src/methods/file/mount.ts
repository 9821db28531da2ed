// One mount as the server sees it: a helper process that does the file operations, a deadline, and a fence.
import { fork, type ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { builtFile } from '../../built-file.js';
import { StoreUnavailableError } from '../../core/errors.js';
import { hide } from '../../core/hide.js';
import type { Ask, Failure, Operations, Settings, Tell } from './mount-process.js';

/** `returning`: it answers again, and lacks what was written without it. */
export type MountState = 'live' | 'fenced' | 'returning';

export interface MountOptions {
  readonly dir: string;
  readonly keys: readonly string[];
  /**
   * A mount that answers nothing for so long is fenced. Milliseconds. One that answers other operations meanwhile is
   * slow, and has as long again for this one.
   */
  readonly deadlineMs: number;
  /** Whether no other mount could go on without it: then being slow is not worse than being left out. */
  readonly isLast: () => boolean;
  readonly onDamaged: (file: string) => void;
  readonly onFenced: (reason: string) => void;
  /** It can be read and written again: the owner calls `admit` when it holds what it must. */
  readonly onReturning: () => void;
}

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
  timer: NodeJS.Timeout;
}

/** More than this many operations at once are refused: the mount is slower than the requests come. */
const MAX_WAITING = 2000;
const START_MS = 10_000;
const FIRST_RETRY_MS = 50;
const MAX_RETRY_MS = 2000;
const STEADY_MS = 10_000;
const FIRST_DOUBT_MS = 30_000;

/** The mount could not do it, or did not answer in time. */
export class MountError extends StoreUnavailableError {
  /** @param foreign the folder is not the store that it must be: trying again will not help */
  constructor(
    message: string,
    readonly foreign = false,
  ) {
    super(message);
  }
}

export class Mount {
  state: MountState = 'fenced';
  /** When it was fenced last. Milliseconds since 1970. */
  fencedAt = 0;
  /** Why it could not be opened at the last attempt. */
  failure: Error | undefined;
  /** Why it was fenced. */
  reason = 'it is not open yet';
  /** The store's identity in this folder; known as soon as the folder was opened once. */
  identity: string | undefined;
  private helper: ChildProcess | undefined;
  /** Killed helpers that hang in a system call. */
  private readonly abandoned = new Set<ChildProcess>();
  private readonly waiting = new Map<number, Waiting>();
  private heardAt = 0;
  private asked = 0;
  private openedAt = 0;
  private retryMs = FIRST_RETRY_MS;
  private closed = false;
  private readonly woken = new AbortController();

  constructor(private readonly options: MountOptions) {
    hide(this, 'options');
  }

  get dir(): string {
    return this.options.dir;
  }

  /**
   * Keeps the mount open until `close`: whenever it was fenced it is tried again, at growing intervals.
   * Resolves after the first attempt, whatever came of it; throws never.
   */
  async open(): Promise<void> {
    await this.connect();
    void this.stayOpen();
  }

  /** From now on it counts. */
  admit(): void {
    if (this.state === 'returning') this.state = 'live';
  }

  /** @throws MountError when the mount does not answer in time, or answers that it cannot. */
  call<O extends keyof Operations>(
    operation: O,
    ...args: Parameters<Operations[O]>
  ): Promise<Awaited<ReturnType<Operations[O]>>> {
    // JSON would make null of what is undefined.
    const given = args.filter((argument) => argument !== undefined);
    return this.ask((id) => ({ id, operation, args: given }), this.options.deadlineMs);
  }

  /**
   * Nothing is asked of the mount any more until it answers a probe; requests that wait for it continue without it. The
   * helper is abandoned: not even SIGKILL ends it within a system call on a dead mount, and nothing waits for that.
   */
  fence(reason: string): void {
    const { helper, state } = this;
    this.helper = undefined;
    if (helper) this.abandon(helper);
    for (const id of [...this.waiting.keys()]) this.settle(id, undefined, { message: reason });
    if (state === 'fenced' && this.fencedAt > 0) return;
    this.state = 'fenced';
    this.reason = reason;
    this.fencedAt = Date.now();
    // One that answers a probe, and fails soon after, is not tried faster for it.
    if (this.fencedAt - this.openedAt > STEADY_MS) this.retryMs = FIRST_RETRY_MS;
    if (!this.closed) this.options.onFenced(reason);
  }

  close(): void {
    this.closed = true;
    this.woken.abort();
    this.fence('closed');
  }

  private abandon(helper: ChildProcess): void {
    helper.removeAllListeners();
    helper.on('error', () => undefined);
    if (helper.exitCode === null && helper.signalCode === null) {
      this.abandoned.add(helper);
      helper.once('exit', () => this.abandoned.delete(helper));
    }
    helper.kill('SIGKILL');
    if (helper.connected) helper.disconnect();
    helper.unref();
  }

  /**
   * A helper that hangs ends when the mount answers again: that is the sign to wait for, or a dead mount would collect
   * a process at each attempt. It may also hang for good, where the mount was replaced: so now and then one more.
   */
  private get mayTry(): boolean {
    return this.abandoned.size === 0 || Date.now() > this.fencedAt + FIRST_DOUBT_MS * 2 ** this.abandoned.size;
  }

  private async stayOpen(): Promise<void> {
    while (!this.closed) {
      if (this.state === 'fenced' && this.mayTry) {
        this.retryMs = Math.min(this.retryMs * 2, MAX_RETRY_MS);
        await this.connect();
      }
      // All servers lose a mount together: they need not come back together.
      const pause = this.retryMs * (0.5 + Math.random());
      await sleep(pause, undefined, { ref: false, signal: this.woken.signal }).catch(() => undefined);
    }
  }

  private async connect(): Promise<void> {
    this.failure = undefined;
    try {
      await this.start();
      this.identity = await this.call('open', this.identity);
      await this.call('probe');
    } catch (error) {
      this.failure = error as Error;
      this.fence(this.failure.message);
      return;
    }
    this.state = 'returning';
    this.openedAt = Date.now();
    this.options.onReturning();
  }

  private start(): Promise<void> {
    const script = builtFile('./mount-process.js', import.meta.url);
    // Nothing of the server's environment, which may hold secrets.
    const env = { UV_THREADPOOL_SIZE: '16' };
    const helper = fork(script, { execArgv: [], env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.helper = helper;
    helper.on('error', (error) => this.fence(error.message));
    helper.on('exit', (code, signal) => this.fence(`its helper process exited (${signal ?? `exit code ${code}`})`));
    helper.on('message', (message: Tell) => {
      this.heardAt = performance.now();
      if ('damaged' in message) this.options.onDamaged(message.damaged);
      else this.settle(message.id, message.value, message.error);
    });
    const { dir, keys } = this.options;
    return this.ask((id) => ({ id, dir, keys }), START_MS);
  }

  private ask<T>(message: (id: number) => Ask | Settings, deadlineMs: number): Promise<T> {
    const { helper } = this;
    return new Promise((resolve, reject) => {
      if (!helper?.connected) return reject(new MountError(`${this.dir} cannot be reached: ${this.reason}`));
      if (this.waiting.size >= MAX_WAITING)
        return reject(
          new StoreUnavailableError(
            `${this.dir} has ${this.waiting.size} unfinished operations, the maximum: try again.`,
          ),
        );
      const id = ++this.asked;
      const askedAt = performance.now();
      const expire = () => {
        const call = this.waiting.get(id);
        if (!call) return;
        const now = performance.now();
        const left = Math.min(Math.max(askedAt, this.heardAt) + deadlineMs, askedAt + 2 * deadlineMs) - now;
        if (left > 0) call.timer = after(left, expire);
        else if (now - this.heardAt < deadlineMs && this.options.isLast())
          this.settle(id, undefined, { message: `no answer within ${2 * deadlineMs} ms` });
        else this.fence(`no answer within ${deadlineMs} ms`);
      };
      this.waiting.set(id, { resolve: resolve, reject, timer: after(deadlineMs, expire) });
      helper.send(message(id), (error) => {
        if (error) this.settle(id, undefined, { message: error.message });
      });
    });
  }

  private settle(id: number, value: unknown, error?: Failure): void {
    const call = this.waiting.get(id);
    if (!call) return;
    this.waiting.delete(id);
    clearTimeout(call.timer);
    if (error === undefined) call.resolve(value as never);
    else call.reject(new MountError(`${this.dir}: ${error.message}`, error.foreign));
  }
}

/** After a pause of this process its answers may lie unread in the pipe: they are looked at first. */
function after(ms: number, act: () => void): NodeJS.Timeout {
  return setTimeout(() => setImmediate(() => setImmediate(act)), ms);
}
