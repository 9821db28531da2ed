// Receives the whole request before it takes a place among those that run: a slow client costs a little memory only.
import { AsyncLocalStorage } from 'node:async_hooks';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { limits } from '../config/limits.js';
import { addressKey } from './subjects.js';
import { Counts } from './counts.js';
import { hasBody } from './has-body.js';
import { overloaded, refuse, type Refusal } from './plain-answer.js';
import { untilWhole } from './until-whole.js';
import { whenOver } from './when-over.js';

export interface ReceivingLimits {
  /** Milliseconds for one body. */
  readonly timeMs: number;
  /** Bytes of all bodies that are kept, from their announcement to the end of their answer. */
  readonly bytes: number;
  /** The same of one address. */
  readonly bytesPerAddress: number;
  /** Bodies of one address that are under way at once. */
  readonly perAddress: number;
}

const usual: ReceivingLimits = {
  timeMs: limits.receiveMs,
  bytes: limits.receivingBytes,
  bytesPerAddress: limits.receivingBytesPerAddress,
  perAddress: limits.receivingPerAddress,
};
/** No address is spelled like this. */
const ALL = '';

/**
 * Each body is bounded by its route's `bodyBytes`, by time, and by what all may use together. What is whole is read from the
 * request as if nobody had read it before: by a parser, by multer, by the handler.
 */
export class Receiving {
  /** Bytes by address, and in all. */
  private readonly bytes = new Counts();
  private readonly underWay = new Counts();

  constructor(private readonly limits: ReceivingLimits = usual) {}

  middleware(): RequestHandler {
    return (request: Request, response: Response, next: NextFunction) => {
      if (!hasBody(request)) return next();
      const { bodyBytes } = request.policy;
      const announced = request.headers['content-length'];
      const size = announced === undefined ? bodyBytes : Number(announced);
      const address = addressKey(request.ip);
      const refusal = this.refusalOf(size, bodyBytes, address);
      if (refusal) return end(request, response, refusal);
      this.bytes.add(ALL, size);
      this.bytes.add(address, size);
      // The memory is free again when the request has been answered.
      whenOver(request, response, () => {
        this.bytes.add(ALL, -size);
        this.bytes.add(address, -size);
      });
      this.underWay.add(address, 1);
      // The body's last part arrives in the connection's async context, not in the request's.
      const goOn = AsyncLocalStorage.bind(next);
      untilWhole(request, { bytes: bodyBytes, timeMs: this.limits.timeMs }, (outcome) => {
        this.underWay.add(address, -1);
        if (outcome === 'whole') {
          // What nobody has read must not stand before the next request of this connection.
          response.once('finish', () => request.resume());
          return goOn();
        }
        if (outcome !== 'aborted') end(request, response, outcome === 'late' ? this.late() : tooLarge(bodyBytes));
      });
    };
  }

  private refusalOf(size: number, limit: number, address: string): Refusal | undefined {
    if (size > limit) return tooLarge(limit);
    if (this.bytes.of(ALL) + size > this.limits.bytes) return overloaded;
    const { perAddress, bytesPerAddress } = this.limits;
    const hasLeft = this.underWay.of(address) < perAddress && this.bytes.of(address) + size <= bytesPerAddress;
    return hasLeft ? undefined : tooMany;
  }

  private late(): Refusal {
    const message = `The request did not arrive within ${this.limits.timeMs / 1_000} s. Please send it again.`;
    return { status: 408, code: 'request_timeout', message };
  }
}

/** Nothing more of this connection is read as a request: a part of the body may still come. */
function end(request: Request, response: Response, refusal: Refusal): void {
  response.setHeader('Connection', 'close');
  request.resume();
  refuse(request, response, refusal);
}

const tooMany: Refusal = {
  status: 429,
  code: 'too_many_uploads',
  message: 'Too many requests from your address at once. Please try again in a moment.',
  retryAfterSeconds: 1,
};
const tooLarge = (limit: number): Refusal => ({
  status: 413,
  code: 'too_large',
  message: `The request body is too large. Send at most ${limit} bytes.`,
});
