// What every page needs: templates, navigation, form tokens, answers. A feature with pages imports it.
import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { FormTokens } from './form-tokens.js';
import { Navigation } from './navigation.js';
import { Views } from './views.js';
import { AuditModule } from '../audit/audit.module.js';

@Module({
  imports: [AuditModule, DiscoveryModule],
  providers: [FormTokens, Navigation, Views],
  // What `FormGuard` and `PageInterceptor` need in the module of their controller.
  exports: [AuditModule, FormTokens, Views],
})
export class PagesModule {}
