// Notes that the handler of a request has begun: from here on nobody can say that the request had no effect.
import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import type { Request } from 'express';
import type { Observable } from 'rxjs';

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace
  namespace Express {
    interface Request {
      /** All guards have admitted the request, and its handler runs or has run. */
      hasBegun?: boolean;
    }
  }
}

@Injectable()
export class BegunInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() === 'http') context.switchToHttp().getRequest<Request>().hasBegun = true;
    return next.handle();
  }
}

/** Whether the request may have had an effect that a second run would have again. */
export function mayHaveHadEffect({ policy, hasBegun = false }: Request): boolean {
  return hasBegun && !policy.isSafe && !policy.isRepeatable;
}
