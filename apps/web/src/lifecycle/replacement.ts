// Replaces this server by a fresh process after an error that may have left it in disorder: in turn, and never the last one.
import type { Logger } from 'pino';
import { limits } from '../config/limits.js';

/** What the replacement asks the site, through the database. */
export interface Turns {
  /** Says that this server takes traffic. */
  announce(): Promise<void>;
  /** Whether another server takes traffic, and none was lost lately. */
  othersAreReady(): Promise<boolean>;
  /** True when it is this server's turn to go. */
  takeTurn(): Promise<boolean>;
  /** This server is back, if it had the turn. */
  endTurn(): Promise<void>;
}

export interface ReplacementOptions {
  /** Whether this server takes traffic now. */
  readonly isReady: () => boolean;
  /** Ends this process in good order, so that it is started again. Called once. */
  readonly replace: () => void;
  /** Between two looks; milliseconds. */
  readonly everyMs?: number;
}

/** Between two lines that say that a marked server cannot go. */
const remindMs = 5 * 60_000;

/**
 * A marked server serves as before until its turn. Everything is asked from a timer of its own, so never as a part of the
 * request that happened to mark it.
 */
export class Replacement {
  private timer: NodeJS.Timeout | undefined;
  private marked = false;
  private isBack = false;
  private remindedAt = -Infinity;
  private checking: Promise<void> | undefined;

  constructor(
    private readonly turns: Turns,
    private readonly logger: Logger,
    private readonly options: ReplacementOptions,
  ) {}

  get isMarked(): boolean {
    return this.marked;
  }

  /** Once is enough: the next ones change nothing. */
  mark(): void {
    if (this.marked) return;
    this.marked = true;
    this.logger.warn('marked for replacement after an uncaught error: this web server serves until its turn');
  }

  start(): void {
    const check = () => {
      this.checking ??= this.check()
        // Without a database nobody is replaced, and its own watch says so.
        .catch((error: unknown) =>
          this.logger.debug({ err: error }, 'could not ask the database whose turn it is: trying again'),
        )
        .finally(() => (this.checking = undefined));
    };
    this.timer = setInterval(check, this.options.everyMs ?? limits.announceMs);
    check();
  }

  /** Resolves when nothing is asked any more. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.timer = undefined;
    await this.checking;
  }

  private async check(): Promise<void> {
    const { turns, options } = this;
    if (!options.isReady()) return;
    await turns.announce();
    // The next one may go when this one is back, so this one says so before it goes itself.
    if (!this.isBack) await turns.endTurn();
    this.isBack = true;
    if (!this.marked) return;
    if (!(await turns.othersAreReady())) return this.remind();
    if (!(await turns.takeTurn())) return;
    // It may have been stopped meanwhile.
    if (this.timer === undefined) return;
    this.logger.warn('stopping to be replaced: start this process again');
    clearInterval(this.timer);
    options.replace();
  }

  private remind(): void {
    const now = performance.now();
    if (now - this.remindedAt < remindMs) return;
    this.remindedAt = now;
    this.logger.warn('cannot be replaced safely, since no other web server is ready: serving until one is');
  }
}
