// The audit log, for every module.
import { Global, Module } from '@nestjs/common';
import { AuditReader } from './audit-reader.js';
import { AuditService } from './audit.service.js';
import { Refusals } from './refusals.js';

@Global()
@Module({ providers: [AuditService, AuditReader, Refusals], exports: [AuditService, AuditReader, Refusals] })
export class AuditModule {}
