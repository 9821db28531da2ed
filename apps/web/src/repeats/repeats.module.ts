// Requests that count once, however often a proxy or a client sends them.
import { Module } from '@nestjs/common';
import { APP_INTERCEPTOR, DiscoveryModule } from '@nestjs/core';
import { ClaimInterceptor } from './claim.interceptor.js';
import { ClaimableHandlers } from './claimable-handlers.js';
import { RequestClaims } from './request-claims.js';

@Module({
  imports: [DiscoveryModule],
  providers: [RequestClaims, ClaimableHandlers, { provide: APP_INTERCEPTOR, useClass: ClaimInterceptor }],
})
export class RepeatsModule {}
