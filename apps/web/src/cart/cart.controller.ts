// /api/cart: for visitors as well as for signed-in users.
import { Body, Controller, Delete, Get, Param, Put, Session } from '@nestjs/common';
import type { Session as RequestSession } from '@roam/session';
import { countsOnce } from '../routes/counts-once.js';
import { Repeatable } from '../routes/decorators.js';
import { CartService, type Items } from './cart.service.js';
import { item, quantityBody } from './cart.schemas.js';
import { Described } from '../openapi/api-route.js';
import { cartRoutes } from './cart.routes.js';

@Controller('api/cart')
@Described(cartRoutes)
export class CartController {
  constructor(private readonly cart: CartService) {}

  @Get()
  show(@Session() session?: RequestSession): { items: Items } {
    return { items: this.cart.items(session) };
  }

  @Put(':item')
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
  @Repeatable({ because: countsOnce.session })
  remove(@Param('item', { schema: item }) name: string, @Session() session: RequestSession): { items: Items } {
    this.cart.remove(session, name);
    return this.show(session);
  }
}
