// /api/openapi.json and /api/docs: the API's description, for programs and as a page of administrators.
import { Controller, Get, UseGuards } from '@nestjs/common';
import { ApiExcludeEndpoint } from '@nestjs/swagger';
import { AdminGuard } from '../auth/admin.guard.js';
import { Describe } from '../http/describe.js';
import type { PageAnswer } from '../pages/page-answer.js';
import { Page } from '../pages/page.js';
import { ApiDocument } from './api-document.js';
import type { Operation } from './describe-operation.js';

@Controller('api')
@UseGuards(AdminGuard)
export class OpenApiController {
  constructor(private readonly document: ApiDocument) {}

  @Get('openapi.json')
  @Describe('This description', 'OpenAPI 3.1')
  json(): object {
    return this.document.content;
  }

  @Get('docs')
  @Page('openapi/docs', 'API')
  @ApiExcludeEndpoint()
  page(): PageAnswer {
    const { info, paths } = this.document.content;
    const features: Record<string, object[]> = {};
    for (const [path, methods] of Object.entries(paths))
      for (const [method, operation] of Object.entries(methods as Record<string, Operation>)) {
        const route = { ...operation, is: `${method.toUpperCase()} ${path}`, admits: admitted(operation) };
        (features[operation.tags![0]] ??= []).push(route);
      }
    return { info, features };
  }
}

function admitted({ security = [] }: Operation): string {
  if (security.length === 0) return 'everybody';
  return security.some(({ session }) => session?.includes('admin')) ? 'administrators' : 'signed-in users';
}
