// The cart.
import { Module } from '@nestjs/common';
import { CartController } from './cart.controller.js';
import { SessionSpace } from '../session/session-space.js';
import { CartService } from './cart.service.js';

@Module({ controllers: [CartController], providers: [CartService, SessionSpace], exports: [CartService] })
export class CartModule {}
