// Sign-in and sign-out; sets `request.user` for every request with a signed-in session.
import { Module, type MiddlewareConsumer, type NestModule } from '@nestjs/common';
import type { RequestHandler } from 'express';
import passport from 'passport';
import { UsersModule } from '../users/users.module.js';
import { KnownAddresses } from './known-addresses.js';
import { KnownDevices } from './known-devices.js';
import { PasswordCheck } from './password-check.js';
import { SecondFactorRule } from './second-factor-rule.js';
import { SessionSpace } from '../session/session-space.js';
import { SignInService } from './sign-in.service.js';
import { AuditModule } from '../audit/audit.module.js';
import { ThrottlingModule } from '../throttling/throttling.module.js';

@Module({
  imports: [ThrottlingModule, AuditModule, UsersModule],
  providers: [KnownAddresses, KnownDevices, PasswordCheck, SecondFactorRule, SessionSpace, SignInService],
  exports: [KnownDevices, PasswordCheck, SecondFactorRule, SessionSpace, SignInService],
})
export class AuthModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(passport.session() as RequestHandler).forRoutes('{*path}');
  }
}
