// /api/openapi.json: the API's description, for administrators.
import { Controller, Get, UseGuards } from '@nestjs/common';
import { AdminGuard } from '../admin/admin.guard.js';
import { Config } from '../config/config.js';
import { cookiesOf } from '../http/cookies.js';
import { openApi } from './openapi.js';

@Controller('api/openapi.json')
@UseGuards(AdminGuard)
export class OpenApiController {
  constructor(private readonly config: Config) {}

  @Get()
  show(): object {
    return openApi(this.config.server.publicUrl.origin, cookiesOf(this.config).name('token'));
  }
}
