// Replaces this process after an uncaught error, which may have left it in an invalid state: one server at a time, and
// never the last one.
import type { Logger } from 'pino';
import { limits } from '../config/limits.js';

/** Coordinates the replacements of all servers, through the database. */
export interface Turns {
  /** Announces that this server is ready. */
  announce(): Promise<void>;
  /** Whether another server is ready, and none was lost recently. */
  othersAreReady(): Promise<boolean>;
  /** True if this server may be replaced now. */
  takeTurn(): Promise<boolean>;
  /** This server is ready again, if it was the one being replaced. */
  endTurn(): Promise<void>;
}

export interface ReplacementOptions {
  /** Whether this server is ready. */
  readonly isReady: () => boolean;
  /** Stops this process gracefully, so that it is started again. Called once. */
  readonly replace: () => void;
  /** Milliseconds between two checks. */
  readonly everyMs?: number;
}

/** Milliseconds between two log lines that say that a marked server cannot be replaced. */
const remindMs = 5 * 60_000;

/**
 * A marked server serves as before until it may be replaced. All queries run from a timer of its own, so they are never
 * part of the request that marked the server.
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

  /** Further calls change nothing. */
  mark(): void {
    if (this.marked) return;
    this.marked = true;
    this.logger.warn('marked for replacement after an uncaught error: this web server serves until it may be replaced');
  }

  start(): void {
    const check = () => {
      this.checking ??= this.check()
        // Without a database no server is replaced; the watch of the store logs the outage.
        .catch((error: unknown) =>
          this.logger.debug(
            { err: error },
            'could not ask the database whether this server may be replaced: trying again',
          ),
        )
        .finally(() => (this.checking = undefined));
    };
    this.timer = setInterval(check, this.options.everyMs ?? limits.announceMs);
    check();
  }

  /** Resolves when the last check has ended. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.timer = undefined;
    await this.checking;
  }

  private async check(): Promise<void> {
    const { turns, options } = this;
    if (!options.isReady()) return;
    await turns.announce();
    // The next server may be replaced when this one is ready, so this comes before its own replacement.
    if (!this.isBack) await turns.endTurn();
    this.isBack = true;
    if (!this.marked) return;
    if (!(await turns.othersAreReady())) return this.remind();
    if (!(await turns.takeTurn())) return;
    // `stop` may have been called meanwhile.
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
