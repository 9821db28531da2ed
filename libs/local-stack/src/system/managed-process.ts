// A program that is started, watched, signalled and stopped; it never outlives this process.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { StackError } from '../errors.js';
import type { StackProcess } from '../types.js';
import { atExit } from './at-exit.js';
import { guarded, hasSetpriv, watchOver, type CommandLine } from './guard.js';

export interface ProcessOptions {
  readonly name: string;
  /** The name of the container in which the command runs the program; signals then go through Docker. */
  readonly container?: string;
  /** Asked at each start, so that a restart may differ from the first start. */
  readonly command: () => CommandLine;
  readonly env: () => Readonly<Record<string, string | undefined>>;
  /** Receives what the program prints, appended over restarts. */
  readonly logFile: string;
  /** Tells once whether it serves; asked again every few milliseconds. */
  readonly isReady: () => Promise<boolean>;
  readonly readyTimeoutMs: number;
  /** Milliseconds between SIGTERM and SIGKILL in `stop`. */
  readonly stopGraceMs: number;
  /** An exit code by which the program asks to be started again (mysqld after a clone). */
  readonly restartCode?: number;
}

const READY_INTERVAL_MS = 25;

export class ManagedProcess implements StackProcess {
  readonly name: string;
  private child: ChildProcess | undefined;
  private endWatch: (() => void) | undefined;
  private stopping = false;

  constructor(private readonly options: ProcessOptions) {
    this.name = options.name;
  }

  get pid(): number | null {
    return this.container === undefined ? (this.child?.pid ?? null) : null;
  }

  get container(): string | undefined {
    return this.options.container;
  }

  get isRunning(): boolean {
    return this.child !== undefined;
  }

  async start(): Promise<void> {
    if (this.child) return;
    this.stopping = false;
    this.launch();
    await this.ready();
  }

  async kill(): Promise<void> {
    await this.end('SIGKILL', 0);
  }

  async stop(): Promise<void> {
    await this.end('SIGTERM', this.options.stopGraceMs);
  }

  freeze(): void {
    if (this.child) this.signal(this.child, 'SIGSTOP');
  }

  thaw(): void {
    if (this.child) this.signal(this.child, 'SIGCONT');
  }

  /** The last lines it printed. */
  logTail(lines = 20): string {
    try {
      return readFileSync(this.options.logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
    } catch {
      return '';
    }
  }

  private launch(): void {
    const { file, args } = guarded(this.options.command());
    const log = openSync(this.options.logFile, 'a', 0o600);
    const child = spawn(file, args, {
      stdio: ['ignore', log, log],
      env: { ...this.options.env() },
      // A process group of its own: Ctrl-C reaches us only, and we stop the others in order.
      detached: true,
    });
    closeSync(log);
    this.child = child;
    const { container } = this;
    const forget = atExit(() => this.signal(child, 'SIGKILL'));
    if (container !== undefined) this.endWatch = watchOver({ file: 'docker', args: ['rm', '--force', container] });
    else if (!hasSetpriv && child.pid !== undefined)
      this.endWatch = watchOver({ file: 'kill', args: ['-9', String(child.pid)] });
    const gone = (code: number | null) => {
      if (this.child !== child) return;
      this.child = undefined;
      forget();
      this.endWatch?.();
      this.endWatch = undefined;
      if (code !== null && code === this.options.restartCode && !this.stopping) this.launch();
    };
    child.once('exit', gone);
    child.once('error', () => gone(null));
  }

  private async ready(): Promise<void> {
    const end = Date.now() + this.options.readyTimeoutMs;
    while (!(await this.options.isReady())) {
      if (this.stopping) throw this.failed('was stopped before it was ready');
      if (!this.child) throw this.failed('exited before it was ready');
      if (Date.now() > end) throw this.failed(`was not ready after ${this.options.readyTimeoutMs / 1000} s`);
      await sleep(READY_INTERVAL_MS);
    }
    // Something else could have answered in its place.
    if (!this.child) throw this.failed('exited before it was ready');
  }

  private signal(child: ChildProcess, signal: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'): void {
    if (this.container === undefined) {
      child.kill(signal);
      return;
    }
    const command = { SIGKILL: 'kill', SIGTERM: 'kill', SIGSTOP: 'pause', SIGCONT: 'unpause' }[signal];
    const option = command === 'kill' ? [`--signal=${signal}`] : [];
    // Not pausing twice, not killing what is gone: Docker's complaint about that is no news.
    spawnSync('docker', [command, ...option, this.container], { stdio: 'ignore' });
  }

  private failed(what: string): StackError {
    return new StackError('start_failed', `${this.name} ${what}. The end of its log:\n${this.logTail()}`);
  }

  private async end(signal: 'SIGKILL' | 'SIGTERM', graceMs: number): Promise<void> {
    this.stopping = true;
    const { child } = this;
    if (!child) return;
    const exited = once(child, 'exit');
    this.signal(child, signal);
    if (signal !== 'SIGKILL') {
      // A frozen process takes no other signal.
      this.signal(child, 'SIGCONT');
      const timer = setTimeout(() => this.signal(child, 'SIGKILL'), graceMs);
      await exited;
      clearTimeout(timer);
    } else {
      await exited;
    }
  }
}
