// Registering, signing in and out: the API and the pages.
import { Module } from '@nestjs/common';
import { AccountModule } from '../account/account.module.js';
import { AuthModule } from '../auth/auth.module.js';
import { PagesModule } from '../pages/pages.module.js';
import { LoginPagesController } from './login-pages.controller.js';
import { LoginController } from './login.controller.js';

@Module({ imports: [AccountModule, AuthModule, PagesModule], controllers: [LoginController, LoginPagesController] })
export class LoginModule {}
