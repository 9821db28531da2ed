// Effects outside of MySQL that a commit has promised.
import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Outbox } from './outbox.js';
import { OutboxRow } from './outbox-row.entity.js';
import { OutboxWorker } from './outbox-worker.js';
import { Migrations } from '../database/migrations.js';
import { CreateOutbox1763769600010 } from './migrations/create-outbox.js';

@Migrations([CreateOutbox1763769600010])
@Module({
  imports: [TypeOrmModule.forFeature([OutboxRow])],
  providers: [Outbox, OutboxWorker],
  exports: [Outbox, OutboxWorker],
})
export class OutboxModule {}
