// Admission: a limited number of requests run, a limited number wait briefly, and the others are answered 503.
import { AsyncLocalStorage } from 'node:async_hooks';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { Logger } from 'pino';
import type { Heartbeat } from '../lifecycle/heartbeat.js';
import { beforeHead } from './before-head.js';
import { overloaded, refuse } from './plain-answer.js';
import { whenOver } from './when-over.js';

export interface AdmissionLimits {
  /** Requests that run at once. */
  readonly running: number;
  /** Requests that may wait. */
  readonly waiting: number;
  /** Milliseconds that a request may have waited, in the socket or in the queue, before it is refused. */
  readonly waitMs: number;
}

interface Waiting {
  readonly since: number;
  readonly request: Request;
  readonly response: Response;
  readonly next: NextFunction;
}

/** The requests that end a session: they are never refused. */
const endingPaths = /^\/(api\/)?(logout|sessions)(\/|$)/;

/**
 * There are two signs of overload. Too many running requests: a dependency is slow. Requests that lay unread in the
 * socket: the processor is the limit. A request is refused before it is parsed or logged. The refusal is final:
 * nginx does not ask another server.
 */
export class Admission {
  /** The number of refused requests since the start. */
  refused = 0;
  private running = 0;
  private readonly queue: Waiting[] = [];
  private reportedAt = -Infinity;
  private reported = 0;

  constructor(
    private readonly limits: AdmissionLimits,
    private readonly heartbeat: Heartbeat,
    private readonly logger: Logger,
  ) {}

  /** Requests that run now. */
  get inProgress(): number {
    return this.running;
  }

  middleware(): RequestHandler {
    const { running, waiting, waitMs } = this.limits;
    return (request: Request, response: Response, next: NextFunction) => {
      const { heartbeat, queue } = this;
      const now = heartbeat.now();
      const endsSession = request.method !== 'GET' && endingPaths.test(request.path);
      if (endsSession) return this.run(request, response, next);
      const since = heartbeat.unreadSince;
      if (now - since > waitMs || queue.length >= waiting) return this.refuse(request, response);
      if (this.running < running) return this.run(request, response, next);
      // The end of another request starts it, but it must not run in that request's async context.
      const waiter = { since, request, response, next: AsyncLocalStorage.bind(next) };
      queue.push(waiter);
      const timer = setTimeout(() => {
        const at = queue.indexOf(waiter);
        if (at < 0) return;
        queue.splice(at, 1);
        this.refuse(request, response);
      }, waitMs);
      response.once('close', () => clearTimeout(timer));
    };
  }

  /** A stream leaves its place to others with its first byte. */
  private run(request: Request, response: Response, next: NextFunction): void {
    this.running += 1;
    let runs = true;
    const leave = () => {
      if (!runs) return;
      runs = false;
      this.running -= 1;
      this.admitNext();
    };
    whenOver(request, response, leave);
    if (request.policy.isStream)
      beforeHead(response, (status) => {
        leave();
        return status;
      });
    next();
  }

  private admitNext(): void {
    while (this.running < this.limits.running) {
      const waiter = this.queue.shift();
      if (!waiter) return;
      // A client that has closed the connection needs no answer.
      if (waiter.response.destroyed) continue;
      waiter.request.waitedMs = this.heartbeat.now() - waiter.since;
      this.run(waiter.request, waiter.response, waiter.next);
    }
  }

  private refuse(request: Request, response: Response): void {
    this.refused += 1;
    this.report();
    refuse(request, response, overloaded);
  }

  /** At most one log line per second. */
  private report(): void {
    const now = this.heartbeat.now();
    if (now - this.reportedAt < 1_000) return;
    this.logger.warn(
      { refused: this.refused - this.reported, inProgress: this.running },
      'overloaded: requests are refused with 503; if this lasts, add web servers or processors',
    );
    this.reportedAt = now;
    this.reported = this.refused;
  }
}
