// Nest's own exceptions: each keeps its status and message, and only the check of the origin is an attack from another site.
import {
  BadRequestException,
  ConflictException,
  Controller,
  ForbiddenException,
  Get,
  HttpException,
  InternalServerErrorException,
  Module,
  NotFoundException,
  Param,
  Post,
  UnauthorizedException,
  UseGuards,
  type INestApplication,
} from '@nestjs/common';
import { APP_FILTER, NestFactory } from '@nestjs/core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { NextFunction, Request, Response } from 'express';
import { PinoLogger } from 'nestjs-pino';
import { AuditService } from '../audit/audit.service.js';
import { Refusals } from '../audit/refusals.js';
import { Views } from '../pages/views.js';
import { CrossSiteAdapter } from '../http/cross-site.adapter.js';
import { ErrorAnswers } from './error-answers.js';
import { ErrorFilter } from './error.filter.js';

const exceptions: Record<string, () => Error> = {
  forbidden: () => new ForbiddenException('Not your note'),
  unauthorized: () => new UnauthorizedException('No key'),
  conflict: () => new ConflictException('Already sent'),
  unnamed: () => new NotFoundException(),
  missing: () => new NotFoundException('No such note'),
  listed: () => new BadRequestException(['title is empty', 'body is empty']),
  object: () => new HttpException({ note: 7 }, 418),
  wrapped: () => new HttpException(new Error('secret') as never, 409),
  broken: () => new InternalServerErrorException('secret'),
};

class RefusingGuard {
  canActivate(): boolean {
    return false;
  }
}

@Controller(['api', 'page'])
class ThrowingController {
  @Get('guarded') @UseGuards(RefusingGuard) guarded(): void {}
  @Get(':name') throws(@Param('name') name: string): never {
    throw exceptions[name]();
  }
  @Post('write') write(): string {
    return 'written';
  }
}

const audited: string[] = [];
@Module({
  controllers: [ThrowingController],
  providers: [
    ErrorAnswers,
    ErrorFilter,
    { provide: Views, useValue: { page: (_: unknown, __: unknown, data: object) => JSON.stringify(data) } },
    Refusals,
    { provide: AuditService, useValue: { note: (event: string) => audited.push(event) } },
    { provide: PinoLogger, useValue: { debug: () => undefined, error: () => undefined } },
    { provide: APP_FILTER, useExisting: ErrorFilter },
  ],
})
class ThrowingModule {}

let app: INestApplication;
let url: string;
beforeAll(async () => {
  app = await NestFactory.create(ThrowingModule, new CrossSiteAdapter(), { logger: false });
  app.use((request: Request, _response: Response, next: NextFunction) => {
    request.base = '';
    next();
  });
  app.enableCsrfProtection();
  await app.listen(0, '127.0.0.1');
  url = await app.getUrl();
});
afterAll(() => app?.close());
beforeEach(() => void audited.splice(0));

async function failureOf(path: string, options: RequestInit = {}): Promise<readonly [number, string, string]> {
  const answer = await fetch(url + path, { redirect: 'manual', ...options });
  const { error } = (await answer.json()) as { error: { code: string; message: string } };
  return [answer.status, error.code, error.message];
}

describe("Nest's exceptions", () => {
  it.each([
    ['forbidden', 403, 'forbidden', 'Not your note'],
    ['guarded', 403, 'forbidden', 'Forbidden resource'],
    ['conflict', 409, 'conflict', 'Already sent'],
    ['missing', 404, 'not_found', 'No such note'],
    ['unnamed', 404, 'not_found', 'Nothing was found at this address.'],
    ['listed', 400, 'bad_request', 'title is empty; body is empty'],
    ['object', 418, 'im_a_teapot', "I'm a Teapot"],
    ['wrapped', 409, 'conflict', 'Conflict'],
    ['broken', 500, 'internal_error', 'Internal Server Error'],
    ['no/such/route', 404, 'not_found', 'Nothing was found at this address.'],
  ])('%s: %i %s, with its message, in JSON and on pages', async (name, ...expected) => {
    expect(await failureOf(`/api/${name}`)).toEqual(expected);
    expect(await failureOf(`/page/${name}`)).toEqual(expected);
    expect(audited).toEqual([]);
  });

  it('401 is JSON under /api, and leads from a page to the sign-in', async () => {
    expect(await failureOf('/api/unauthorized')).toEqual([401, 'unauthorized', 'No key']);
    const answer = await fetch(`${url}/page/unauthorized?a=1`, { redirect: 'manual' });
    expect([answer.status, answer.headers.get('location')]).toEqual([
      303,
      `/login?returnTo=${encodeURIComponent('/page/unauthorized?a=1')}`,
    ]);
  });
});

describe('a write that another site made the browser send', () => {
  it.each([{ 'sec-fetch-site': 'cross-site' }, { origin: 'https://evil.example' }])(
    'is refused: %j',
    async (headers) => {
      const [status, code] = await failureOf('/api/write', { method: 'POST', headers });
      expect([status, code, audited]).toEqual([403, 'cross_site', ['cross-site-refused']]);
    },
  );
});
