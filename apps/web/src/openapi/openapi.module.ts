// The description of the API.
import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.js';
import { PagesModule } from '../pages/pages.module.js';
import { ApiDocument } from './api-document.js';
import { OpenApiController } from './openapi.controller.js';

@Module({
  imports: [AuditModule, PagesModule],
  controllers: [OpenApiController],
  providers: [ApiDocument],
})
export class OpenApiModule {}
