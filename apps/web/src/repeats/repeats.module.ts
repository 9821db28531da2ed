// Requests that count once, however often a proxy or a client sends them.
import { Module } from '@nestjs/common';
import { APP_INTERCEPTOR, DiscoveryModule } from '@nestjs/core';
import { ClaimInterceptor } from './claim.interceptor.js';
import { ClaimableHandlers } from './claimable-handlers.js';
import { RequestClaims } from './request-claims.js';
import { Migrations } from '../database/migrations.js';
import { CreateRequestClaims1763769600011 } from './migrations/create-request-claims.js';

@Migrations([CreateRequestClaims1763769600011])
@Module({
  imports: [DiscoveryModule],
  providers: [RequestClaims, ClaimableHandlers, { provide: APP_INTERCEPTOR, useClass: ClaimInterceptor }],
})
export class RepeatsModule {}
