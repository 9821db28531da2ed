// The refusals of the cart.
import { AppError } from '../http/app.errors.js';

/** The cart has no room for another item. */
export class CartFullError extends AppError {
  readonly code = 'cart_full';
  readonly status = 409;

  /** @param limit of the items, where that is reached; else the bytes are */
  constructor(limit?: number) {
    const room = limit === undefined ? 'The cart is full.' : `The cart can hold at most ${limit} different items.`;
    super(`${room} Please remove an item first.`);
  }
}
