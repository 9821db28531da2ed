// Bounds the streams that are open at once: in all, of one address, of one user. They hold no place among the requests.
import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { Observable } from 'rxjs';
import { limits } from '../config/limits.js';
import { addressKey } from '../throttling/subjects.js';
import { RequestError } from './app.errors.js';
import { Counts } from './counts.js';
import { refuse, type Refusal } from './plain-answer.js';
import { whenOver } from './when-over.js';

@Injectable()
export class StreamLimits implements NestInterceptor {
  private open = 0;
  private readonly ofAddress = new Counts();
  private readonly ofUser = new Counts();

  /** Streams that are open now. */
  get count(): number {
    return this.open;
  }

  /** Refuses a stream before anything is read for it. */
  middleware(): RequestHandler {
    return (request: Request, response: Response, next: NextFunction) => {
      if (!request.policy.isStream) return next();
      const address = addressKey(request.ip);
      if (this.open >= limits.streams) return refuse(request, response, full);
      if (this.ofAddress.of(address) >= limits.streamsPerAddress) return refuse(request, response, tooMany);
      this.open += 1;
      this.ofAddress.add(address, 1);
      whenOver(request, response, () => {
        this.open -= 1;
        this.ofAddress.add(address, -1);
      });
      next();
    };
  }

  /** Who the user is, is known only here. @throws {RequestError} too_many_streams */
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const http = context.switchToHttp();
    const [request, response] = [http.getRequest<Request>(), http.getResponse<Response>()];
    const { policy, user } = request;
    // A client that has left meanwhile is told by no event any more.
    if (policy.isStream && user && !response.destroyed) {
      if (this.ofUser.of(user.id) >= limits.streamsPerUser) throw new RequestError(429, tooMany.code, tooMany.message);
      this.ofUser.add(user.id, 1);
      whenOver(request, response, () => this.ofUser.add(user.id, -1));
    }
    return next.handle();
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
