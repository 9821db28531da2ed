// The audit log, for every module.
import { Global, Module } from '@nestjs/common';
import { AuditReader } from './audit-reader.js';
import { AuditService } from './audit.service.js';

@Global()
@Module({ providers: [AuditService, AuditReader], exports: [AuditService, AuditReader] })
export class AuditModule {}
