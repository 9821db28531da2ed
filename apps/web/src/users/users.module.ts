// Accounts and their passwords.
import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { BreachedPasswords } from './breached-passwords.js';
import { PasswordsService } from './passwords.service.js';
import { User } from './user.entity.js';
import { UsersService } from './users.service.js';
import { Migrations } from '../database/migrations.js';
import { CreateUsers1763769600000 } from './migrations/create-users.js';
import { AddDeactivation1763769600007 } from './migrations/add-deactivation.js';
import { AllPersonalData } from './personal-data.js';

@Migrations([CreateUsers1763769600000, AddDeactivation1763769600007])
@Module({
  imports: [DiscoveryModule, TypeOrmModule.forFeature([User])],
  providers: [AllPersonalData, UsersService, PasswordsService, BreachedPasswords],
  exports: [AllPersonalData, UsersService, PasswordsService],
})
export class UsersModule {}
