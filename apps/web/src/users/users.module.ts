// Accounts and their passwords.
import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { BreachedPasswords } from './breached-passwords.js';
import { PasswordsService } from './passwords.service.js';
import { User } from './user.entity.js';
import { UsersService } from './users.service.js';

@Module({
  imports: [TypeOrmModule.forFeature([User])],
  providers: [UsersService, PasswordsService, BreachedPasswords],
  exports: [UsersService, PasswordsService],
})
export class UsersModule {}
