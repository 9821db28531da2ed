// The home page: the cart.
import { Body, Controller, Get, Post, Session, UseGuards } from '@nestjs/common';
import type { Session as RequestSession } from '@roam/session';
import { WithoutSecondFactor } from '../auth/enrolment.guard.js';
import { FormGuard } from '../pages/form.guard.js';
import { seeOther, type PageAnswer } from '../pages/page-answer.js';
import { Page } from '../pages/page.js';
import { countsOnce } from '../routes/counts-once.js';
import { Repeatable } from '../routes/decorators.js';
import { cartForm, type CartForm } from './cart.schemas.js';
import { CartService } from './cart.service.js';

/** The items that the page offers. */
const shop = ['apple', 'cherry', 'lemon', 'pear'];

@Controller()
export class HomePageController {
  constructor(private readonly cart: CartService) {}

  @Get()
  @Page('cart/home', 'Home')
  @WithoutSecondFactor(true)
  home(@Session() session?: RequestSession): PageAnswer {
    const items = this.cart.items(session);
    const names = [...new Set([...shop, ...Object.keys(items)])];
    return {
      cart: names.map((name) => ({ name, quantity: items[name] ?? 0 })),
      total: Object.values(items).reduce((sum, quantity) => sum + quantity, 0),
    };
  }

  @Post()
  @Page('cart/home', 'Home')
  @Repeatable({ because: countsOnce.session })
  @UseGuards(FormGuard)
  changeCart(@Session() session: RequestSession, @Body({ schema: cartForm }) { item, quantity }: CartForm): PageAnswer {
    if (quantity === 0) this.cart.remove(session, item);
    else this.cart.put(session, item, quantity);
    return seeOther('/');
  }
}
