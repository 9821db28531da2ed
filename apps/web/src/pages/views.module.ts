// Page rendering, for the pages themselves and for errors.
import { Module } from '@nestjs/common';
import { Views } from './views.js';

@Module({ providers: [Views], exports: [Views] })
export class ViewsModule {}
