// The cart, kept in the session with one key per item, so that writes to different items never conflict.
import { Injectable } from '@nestjs/common';
import type { Session } from '@roam/session';
import { SessionSpace } from '../session/session-space.js';
import { CartFullError } from './cart.errors.js';
import { maxItems } from './cart.schemas.js';

export type Items = Record<string, number>;

const prefix = 'cart:';

@Injectable()
export class CartService {
  constructor(private readonly space: SessionSpace) {}

  items(session: Session | undefined): Items {
    const entries = Object.entries(session ?? {})
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, quantity]) => [key.slice(prefix.length), quantity as number] as const);
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** @throws {CartFullError} */
  put(session: Session, item: string, quantity: number): void {
    const key = prefix + item;
    if (!Object.hasOwn(session, key) && Object.keys(this.items(session)).length >= maxItems) {
      throw new CartFullError(maxItems);
    }
    if (!this.space.fits(session, key, quantity)) throw new CartFullError();
    session[key] = quantity;
  }

  remove(session: Session, item: string): void {
    delete session[prefix + item];
  }
}
