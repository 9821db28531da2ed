// Throttling of sign-ins, registrations and e-mails.
import { Module } from '@nestjs/common';
import { ThrottleService } from './throttle.service.js';
import { Migrations } from '../database/migrations.js';
import { CreateThrottles1763769600003 } from './migrations/create-throttles.js';

@Migrations([CreateThrottles1763769600003])
@Module({ providers: [ThrottleService], exports: [ThrottleService] })
export class ThrottlingModule {}
