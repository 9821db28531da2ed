// /api/openapi.json: the API's description, for administrators.
import { Controller, Get, UseGuards } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { AdminGuard } from '../auth/admin.guard.js';
import { Config } from '../config/config.js';
import { cookiesOf } from '../http/cookies.js';
import { openApi } from './openapi.js';
import { Described } from './api-route.js';
import { openapiRoutes } from './openapi.routes.js';

@Controller('api/openapi.json')
@Described(openapiRoutes)
@UseGuards(AdminGuard)
export class OpenApiController {
  constructor(
    private readonly config: Config,
    private readonly discovery: DiscoveryService,
  ) {}

  @Get()
  show(): object {
    const controllers = this.discovery.getControllers({ metadataKey: Described.KEY });
    const routes = controllers.flatMap((each) => this.discovery.getMetadataByDecorator(Described, each) ?? []);
    return openApi(this.config.server.publicUrl.origin, cookiesOf(this.config).name('token'), routes);
  }
}
