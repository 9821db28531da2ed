// Handles uncaught errors of a serving process: each ends one request, and marks the server for replacement.
import type { Logger } from 'pino';
import type { Metrics } from '../health/metrics.js';
import { currentExchange } from '../http/current-request.js';
import { endFailed } from '../http/end-failed.js';
import type { ErrorAnswers } from './error-answers.js';
import type { Replacement } from '../lifecycle/replacement.js';

/** The maximum number of log lines per second. */
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
   * Call this where the error surfaces, so that its request is known: that request is answered 500 or its connection is
   * destroyed. Other requests continue. The error may have left work undone, so the server is marked for replacement.
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

  /** Bounds the number of log lines, and logs how many are missing. */
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
