// What every page needs: templates, navigation, form tokens, answers. A feature with pages imports it.
import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { FormTokens } from './form-tokens.js';
import { Navigation } from './navigation.js';
import { Views } from './views.js';

@Module({
  imports: [DiscoveryModule],
  providers: [FormTokens, Navigation, Views],
  // `FormGuard` needs the tokens in the module of its controller.
  exports: [FormTokens, Views],
})
export class PagesModule {}
