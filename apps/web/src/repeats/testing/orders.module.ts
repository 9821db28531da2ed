// An ordinary feature whose orders count once: a repository, a table that numbers its rows, and the decorator.
import { Body, ConflictException, Controller, Get, HttpCode, Module, Param, Post, Req, Res } from '@nestjs/common';
import { InjectRepository, TypeOrmModule } from '@nestjs/typeorm';
import type { Request, Response } from 'express';
import { Column, Entity, PrimaryGeneratedColumn, type Repository } from 'typeorm';
import { isDuplicate } from '../../database/is-duplicate.js';
import { NotFoundError } from '../../http/app.errors.js';
import { Repeatable } from '../../routes/decorators.js';

export const ordersTable =
  'CREATE TABLE orders (id INT AUTO_INCREMENT PRIMARY KEY, item VARCHAR(100) NOT NULL UNIQUE, note VARCHAR(20) NOT NULL)';

@Entity('orders')
class Order {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column('varchar')
  item!: string;

  @Column('varchar')
  note!: string;
}

/** What a test does while a handler runs, after its effects. */
export const during: { after: (request: Request) => Promise<void>; runs: number } = {
  after: async () => undefined,
  runs: 0,
};

@Controller('api/orders')
class OrdersController {
  constructor(@InjectRepository(Order) private readonly orders: Repository<Order>) {}

  @Post()
  @Repeatable()
  async create(
    @Body() { item, note = '' }: { item: string; note?: string },
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<Order> {
    during.runs++;
    const order = await this.orders.save({ item: `${item} ${during.runs}`, note });
    request.session!.orders = (Number(request.session!.orders) || 0) + 1;
    await during.after(request);
    response.set('Location', `/api/orders/${order.id}`);
    return order;
  }

  /** A unique item. */
  @Post('unique')
  @Repeatable()
  @HttpCode(200)
  async unique(@Body() { item }: { item: string }): Promise<string> {
    during.runs++;
    await this.orders.save({ item: `before ${item} ${during.runs}`, note: 'first' });
    try {
      await this.orders.save({ item, note: 'unique' });
    } catch (error) {
      if (isDuplicate(error)) throw new ConflictException();
      throw error;
    }
    return item;
  }

  @Post(':kind/answers')
  @Repeatable()
  answers(@Param('kind') kind: string): unknown {
    during.runs++;
    if (kind === 'large') return 'x'.repeat(1_000_000);
    if (kind === 'too-large') return 'x'.repeat(1_100_000);
    if (kind === 'bytes') return Buffer.from('bytes');
    if (kind === 'nothing') return undefined;
    throw new NotFoundError();
  }

  @Get('session')
  session(@Req() request: Request): unknown {
    return { orders: request.session?.orders ?? 0 };
  }
}

@Module({ imports: [TypeOrmModule.forFeature([Order])], controllers: [OrdersController] })
export class OrdersModule {}
