// The cart, and the home page, which shows it.
import { Module } from '@nestjs/common';
import { PagesModule } from '../pages/pages.module.js';
import { CartController } from './cart.controller.js';
import { SessionSpace } from '../session/session-space.js';
import { HomePageController } from './home-page.controller.js';
import { CartService } from './cart.service.js';

@Module({
  imports: [PagesModule],
  controllers: [CartController, HomePageController],
  providers: [CartService, SessionSpace],
  exports: [CartService],
})
export class CartModule {}
