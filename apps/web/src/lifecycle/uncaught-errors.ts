// What is done about an error that nobody caught, once the server serves: it costs one request, and a replacement later.
import type { Logger } from 'pino';
import type { Metrics } from '../health/metrics.js';
import { currentExchange } from '../http/current-request.js';
import { endFailed } from '../http/end-failed.js';
import type { ErrorAnswers } from '../http/error-answers.js';
import type { Replacement } from './replacement.js';

/** Lines in the log, each second. */
const maxLines = 20;

export class UncaughtErrors {
  private readonly window = { since: -Infinity, lines: 0, dropped: 0 };

  constructor(
    private readonly logger: Logger,
    private readonly answers: Pick<ErrorAnswers, 'unexpected'>,
    private readonly metrics: Pick<Metrics, 'countUncaughtError'>,
    private readonly replacement: Pick<Replacement, 'mark'>,
  ) {}

  /**
   * To be called where the error surfaces, so that the request is known that it belongs to: that one is answered 500, or broken
   * off. The others go on. What the error has left undone is unknown, so the server is marked for replacement.
   */
  handle(error: unknown): void {
    const exchange = currentExchange();
    this.metrics.countUncaughtError(exchange !== undefined);
    this.replacement.mark();
    const ending = exchange && endFailed(exchange, () => this.answers.unexpected(exchange.request));
    if (!this.mayLog()) return;
    const log = exchange?.request.log ?? this.logger;
    if (ending) log.error({ err: error, request: ending }, 'an error of this request was not caught');
    else log.error({ err: error }, 'an error that belongs to no request was not caught');
  }

  /** However many there are, the log stays bounded, and says how many it lacks. */
  private mayLog(): boolean {
    const { window } = this;
    const now = performance.now();
    if (now - window.since >= 1_000) {
      if (window.dropped > 0)
        this.logger.error({ uncaught: window.dropped }, 'more errors were not caught, and not logged one by one');
      Object.assign(window, { since: now, lines: 0, dropped: 0 });
    }
    if (window.lines >= maxLines) window.dropped += 1;
    else window.lines += 1;
    return window.dropped === 0;
  }
}
