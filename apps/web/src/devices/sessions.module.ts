// The user's devices.
import { Module } from '@nestjs/common';
import { PagesModule } from '../pages/pages.module.js';
import { SessionPagesController } from './session-pages.controller.js';
import { SessionsController } from './sessions.controller.js';
import { SessionsService } from './sessions.service.js';
import { AuditModule } from '../audit/audit.module.js';

@Module({
  imports: [AuditModule, PagesModule],
  controllers: [SessionsController, SessionPagesController],
  providers: [SessionsService],
  exports: [SessionsService],
})
export class SessionsModule {}
