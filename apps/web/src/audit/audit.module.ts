// The audit log.
import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditReader } from './audit-reader.js';
import { AuditRow } from './audit-row.entity.js';
import { AuditService } from './audit.service.js';
import { Refusals } from './refusals.js';
import { Migrations } from '../database/migrations.js';
import { CreateAuditEvents1763769600004 } from './migrations/create-audit-events.js';

@Migrations([CreateAuditEvents1763769600004])
@Module({
  imports: [TypeOrmModule.forFeature([AuditRow])],
  providers: [AuditService, AuditReader, Refusals],
  exports: [AuditService, AuditReader, Refusals],
})
export class AuditModule {}
