// Makes a request count once: its claim, its effects through TypeORM and its answer are one transaction.
import {
  Injectable,
  StreamableFile,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { MysqlCluster } from '@roam/mysql-cluster';
import type { Request, Response } from 'express';
import { from, lastValueFrom, type Observable } from 'rxjs';
import { RequestError } from '../http/app.errors.js';
import { hasBody } from '../http/has-body.js';
import { Heartbeat } from '../lifecycle/heartbeat.js';
import { isClaimed, Repeatable } from '../routes/decorators.js';
import { claimOf, type Claim } from './claim.js';
import { RequestClaims, type EarlierTry } from './request-claims.js';
import { makeAgain, SessionBefore } from './session-changes.js';

/** The headers of an answer that are kept with it. */
const keptHeaders = ['content-type', 'location', 'content-disposition', 'etag', 'cache-control', 'retry-after'];

/** The end of the first try, or of the wait for it. */
type Outcome = { readonly value: unknown } | { readonly error: unknown } | { readonly earlier: EarlierTry };

/**
 * For a handler that is `@Repeatable()` without `because`. What holds:
 * - The handler's effects through TypeORM count once, however often a proxy or a client sends the request, and its answer
 *   is the same each time, for an hour. A try that arrives during another one waits for that.
 * - If the handler throws, nothing of it remains, the session's changes neither, and a further try runs.
 * - The session's changes are committed after the transaction, just before the answer. If this server dies in between, the
 *   proxy's next try makes them again, and they count once. If there is none, they are lost, and the effects remain: the
 *   effects' transaction decides. A client's own try later on brings back the answer, not the session's changes, since the
 *   session has gone on.
 * - What the handler does beside TypeORM and the session is not part of it.
 */
@Injectable()
export class ClaimInterceptor implements NestInterceptor {
  /** The last try of each claim on this server. */
  private readonly running = new Map<string, Promise<unknown>>();

  constructor(
    private readonly reflector: Reflector,
    private readonly cluster: MysqlCluster,
    private readonly claims: RequestClaims,
    private readonly heartbeat: Heartbeat,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const declared = this.reflector.getAllAndOverride(Repeatable, [context.getHandler(), context.getClass()]);
    if (!isClaimed(declared)) return next.handle();
    const http = context.switchToHttp();
    return from(this.once(http.getRequest<Request>(), http.getResponse<Response>(), next));
  }

  private async once(request: Request, response: Response, next: CallHandler): Promise<unknown> {
    const claim = claimOf(request);
    // What has waited for an earlier try for too long waits again, and what a conflict or a lost node has rolled back runs
    // again: nothing of it remains.
    const attempt = () => this.attempt(claim, request, response, next);
    const outcome = await this.inTurn(claim, () =>
      this.cluster.retrying(attempt, { timeoutMs: this.timeLeft(request), attempts: Infinity }),
    );
    if ('error' in outcome) throw outcome.error;
    return 'earlier' in outcome ? replay(outcome.earlier, claim, request, response) : outcome.value;
  }

  private async attempt(claim: Claim, request: Request, response: Response, next: CallHandler): Promise<Outcome> {
    const session = new SessionBefore(request.session);
    let hasBegun = false;
    const work = async (): Promise<Outcome> => {
      const earlier = await this.claims.take(claim);
      if (earlier) return { earlier };
      hasBegun = true;
      const value: unknown = await lastValueFrom(next.handle(), { defaultValue: undefined });
      await this.claims.answer(claim, {
        status: response.statusCode,
        headers: headersOf(response),
        body: keepable(value, response),
        sessionChanges: session.changes(request.session),
      });
      return { value };
    };
    try {
      const timeoutMs = this.timeLeft(request);
      // A wait for another try, or for the group at the commit, says nothing about the node: only its silence does.
      return await this.cluster.unlessFrozen(() => this.cluster.inOneTransaction(work, { timeoutMs }), {
        statementTimeoutMs: timeoutMs,
      });
    } catch (error) {
      if (hasBegun) session.restore(request.session);
      // A body that the handler reads itself can be read once.
      if (hasBegun && hasBody(request) && request.body === undefined) return { error };
      throw error;
    }
  }

  /** The tries on this server come one after the other: each that waits in the database would hold a connection. */
  private async inTurn<T>({ id }: Claim, work: () => Promise<T>): Promise<T> {
    const key = id.toString('hex');
    const before = this.running.get(key);
    const turn = (async () => {
      await before?.catch(() => undefined);
      return work();
    })();
    this.running.set(key, turn);
    try {
      return await turn;
    } finally {
      if (this.running.get(key) === turn) this.running.delete(key);
    }
  }

  /** Milliseconds. */
  private timeLeft({ since, limitMs }: Request): number {
    return Math.max(1, since! + limitMs! - this.heartbeat.now());
  }
}

/** @throws {RequestError} 422 for another request of the same key */
function replay(earlier: EarlierTry, { proxyKey }: Claim, request: Request, response: Response): unknown {
  if (!earlier.isSame)
    throw new RequestError(
      422,
      'idempotency_key_reused',
      'This idempotency key was used for another request. Please send a new key with each new request.',
    );
  if (proxyKey !== undefined && proxyKey === earlier.proxyKey) makeAgain(earlier.sessionChanges, request.session);
  response.status(earlier.status).set(earlier.headers);
  return earlier.body;
}

function headersOf(response: Response): Record<string, string> {
  const headers = keptHeaders.map((name) => [name, response.getHeader(name)] as const);
  return Object.fromEntries(headers.flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])));
}

/** The value, if it can be kept and has not been sent yet. @throws {Error} */
function keepable(value: unknown, response: Response): unknown {
  const otherwise = 'or let the handler count once by itself and say how with @Repeatable({ because })';
  if (response.headersSent || response.writableEnded)
    throw new Error(
      `a claimed handler has sent its answer itself, before its effects were kept: return it, ${otherwise}`,
    );
  const isStream = typeof (value as { pipe?: unknown } | null | undefined)?.pipe === 'function';
  if (value instanceof StreamableFile || ArrayBuffer.isView(value) || value instanceof globalThis.Response || isStream)
    throw new Error(
      'a claimed handler returned a file, bytes or a stream, which cannot be kept with its claim: return text, or what JSON ' +
        `can say, ${otherwise}`,
    );
  return value;
}
