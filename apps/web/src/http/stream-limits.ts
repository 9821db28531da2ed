// Bounds the streams and sockets that are open at once: in all, of one address, of one user. They hold no place among the
// requests.
import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { IncomingMessage } from 'node:http';
import type { Observable } from 'rxjs';
import { limits } from '../config/limits.js';
import { addressKey } from './subjects.js';
import { RequestError } from './app.errors.js';
import { Counts } from './counts.js';
import { refuse, type Refusal } from './plain-answer.js';
import { whenOver } from './when-over.js';

@Injectable()
export class StreamLimits implements NestInterceptor {
  private open = 0;
  private readonly ofAddress = new Counts();
  private readonly ofUser = new Counts();

  /** Streams and sockets that are open now. */
  get count(): number {
    return this.open;
  }

  /** Refuses a stream before anything is read for it. */
  middleware(): RequestHandler {
    return (request: Request, response: Response, next: NextFunction) => {
      if (!request.policy.isStream) return next();
      const refusal = this.take(request.ip, (over) => whenOver(request, response, over));
      if (refusal) refuse(request, response, refusal);
      else next();
    };
  }

  /** Who the user is, is known only here. @throws {RequestError} too_many_streams */
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() !== 'http') return next.handle();
    const http = context.switchToHttp();
    const [request, response] = [http.getRequest<Request>(), http.getResponse<Response>()];
    const { policy, user } = request;
    // A client that has left meanwhile is told by no event any more.
    if (policy.isStream && user && !response.destroyed) {
      if (!this.takeOfUser(user.id, (over) => whenOver(request, response, over)))
        throw new RequestError(429, tooMany.code, tooMany.message);
    }
    return next.handle();
  }

  /** Counts a socket until it closes; or tells why it is refused. */
  takeSocket({ socket }: IncomingMessage, address: string | undefined): Refusal | undefined {
    return this.take(address, (over) => socket.once('close', over));
  }

  /** As an option of the session module: a socket's user is known when it has opened its session. */
  readonly mayUpgrade = ({ socket }: IncomingMessage, userId: string | null): boolean =>
    userId === null || socket.destroyed || this.takeOfUser(userId, (over) => socket.once('close', over));

  private take(ip: string | undefined, whenClosed: (over: () => void) => void): Refusal | undefined {
    const address = addressKey(ip);
    if (this.open >= limits.streams) return full;
    if (this.ofAddress.of(address) >= limits.streamsPerAddress) return tooMany;
    this.open += 1;
    this.ofAddress.add(address, 1);
    whenClosed(() => {
      this.open -= 1;
      this.ofAddress.add(address, -1);
    });
    return undefined;
  }

  private takeOfUser(id: string, whenClosed: (over: () => void) => void): boolean {
    if (this.ofUser.of(id) >= limits.streamsPerUser) return false;
    this.ofUser.add(id, 1);
    whenClosed(() => this.ofUser.add(id, -1));
    return true;
  }
}

const full: Refusal = {
  status: 503,
  code: 'too_many_streams',
  message: 'Too many streams are open. Please try again later.',
  retryAfterSeconds: 10,
};
const tooMany: Refusal = {
  status: 429,
  code: 'too_many_streams',
  message: 'You have too many streams open. Close one, or try again later.',
  retryAfterSeconds: 10,
};
