// /api/cart: for visitors as well as for signed-in users.
import { Body, Controller, Delete, Get, Param, Put, Session } from '@nestjs/common';
import type { Session as RequestSession } from '@roam/session';
import { Describe } from '../http/describe.js';
import { countsOnce } from '../routes/counts-once.js';
import { Repeatable } from '../routes/decorators.js';
import { TooManySessionsError } from '../session/session.errors.js';
import { CartFullError } from './cart.errors.js';
import { CartService, type Items } from './cart.service.js';
import { item, quantityBody } from './cart.schemas.js';

@Controller('api/cart')
export class CartController {
  constructor(private readonly cart: CartService) {}

  @Get()
  @Describe('The cart', 'The items')
  show(@Session() session?: RequestSession): { items: Items } {
    return { items: this.cart.items(session) };
  }

  @Put(':item')
  @Describe('Sets the quantity of an item in the cart', 'The items', [CartFullError, TooManySessionsError])
  @Repeatable({ because: countsOnce.session })
  put(
    @Param('item', { schema: item }) name: string,
    @Body({ schema: quantityBody }) { quantity }: { quantity: number },
    @Session() session: RequestSession,
  ): { items: Items } {
    this.cart.put(session, name, quantity);
    return this.show(session);
  }

  @Delete(':item')
  @Describe('Removes an item from the cart', 'The items')
  @Repeatable({ because: countsOnce.session })
  remove(@Param('item', { schema: item }) name: string, @Session() session: RequestSession): { items: Items } {
    this.cart.remove(session, name);
    return this.show(session);
  }
}
