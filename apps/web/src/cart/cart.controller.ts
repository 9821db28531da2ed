// /api/cart: for visitors as well as for signed-in users.
import { Body, Controller, Delete, Get, Param, Put, Req } from '@nestjs/common';
import type { Request } from 'express';
import { countsOnce } from '../routes/counts-once.js';
import { Repeatable } from '../routes/decorators.js';
import { CartService, type Items } from './cart.service.js';
import { item, quantityBody } from './cart.schemas.js';

@Controller('api/cart')
export class CartController {
  constructor(private readonly cart: CartService) {}

  @Get()
  show(@Req() request: Request): { items: Items } {
    return { items: this.cart.items(request.session) };
  }

  @Put(':item')
  @Repeatable({ because: countsOnce.session })
  put(
    @Param('item', { schema: item }) name: string,
    @Body({ schema: quantityBody }) { quantity }: { quantity: number },
    @Req() request: Request,
  ): { items: Items } {
    this.cart.put(request.session!, name, quantity);
    return this.show(request);
  }

  @Delete(':item')
  @Repeatable({ because: countsOnce.session })
  remove(@Param('item', { schema: item }) name: string, @Req() request: Request): { items: Items } {
    this.cart.remove(request.session!, name);
    return this.show(request);
  }
}
