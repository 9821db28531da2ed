// The description of the API: every route once, valid, and what it derives from handlers, guards and schemas.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Get, Module, Post, type INestApplication, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ApiOkResponse, type OpenAPIObject } from '@nestjs/swagger';
import { Validator } from '@seriousme/openapi-schema-validator';
import { parseSettings } from '../config/parse-settings.js';
import { Describe } from '../http/describe.js';
import { moduleToRead, routesOfApp } from '../routes-of-app.js';
import { collectRoutes } from '../routes/collect-routes.js';
import { Limits } from '../routes/decorators.js';
import { apiDocument } from './api-document.js';
import type { Operation } from './describe-operation.js';

const config = parseSettings({
  DATABASE_URLS: 'mysql://nobody:nothing@127.0.0.1/none',
  SESSION_SECRETS: 'Vt7mHq2zLw9sXc4bNk8rYp3eJd6fGa5u',
  PUBLIC_URL: 'https://roam.test',
});
/** Before a server, and not described: a stream, and the page of the description. */
const undescribed = ['GET /api/streams/cluster', 'GET /api/docs'];

/** Nothing of it starts. */
const appOf = (module: Parameters<typeof NestFactory.create>[0]): Promise<INestApplication> =>
  NestFactory.create(module as Type, { preview: true, abortOnError: false, logger: false });

const operationsOf = ({ paths }: OpenAPIObject) =>
  new Map(
    Object.entries(paths).flatMap(([path, item]) =>
      Object.entries(item as Record<string, Operation>).map(([method, operation]) => [
        `${method.toUpperCase()} ${path}`,
        operation,
      ]),
    ),
  );

let document: OpenAPIObject;
let operations: Map<string, Operation>;
const of = (route: string) => operations.get(route)!;
const codes = ({ responses }: Operation, status: number): unknown =>
  /"code":\{"type":"string","enum":\[([^\]]*)\]/.exec(JSON.stringify(responses[status] ?? ''))?.[1].replaceAll('"', '');
let apps: INestApplication[] = [];

beforeAll(async () => {
  const app = await appOf(moduleToRead());
  apps.push(app);
  document = apiDocument(app, routesOfApp(), config);
  operations = operationsOf(document);
});
afterAll(async () => {
  for (const app of apps) await app.close();
  apps = [];
});

describe('the description of the API', () => {
  it('is valid OpenAPI 3.1, in plain JSON', async () => {
    const sent = JSON.parse(JSON.stringify(document)) as Record<string, unknown>;
    expect(sent.openapi).toBe('3.1.1');
    expect(await new Validator().validate(sent)).toEqual({ valid: true });
    expect(document.components?.securitySchemes).toEqual({
      session: { type: 'apiKey', in: 'cookie', name: '__Host-sid' },
    });
    expect(sent.servers).toEqual([{ url: 'https://roam.test' }]);
  });

  it('has each route of the API once, and says what each does and answers', () => {
    const routes = routesOfApp().map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`);
    const ofApi = routes.filter((route) => route.includes(' /api/') && !undescribed.includes(route));
    expect([...operations.keys()].sort()).toEqual(ofApi.sort());
    const silent = [...operations].filter(
      ([, { summary, responses }]) =>
        !summary || Object.values(responses).some((answer) => !(answer as { description?: string }).description),
    );
    expect(silent.map(([route]) => route)).toEqual([]);
    expect(JSON.stringify(document)).not.toMatch(/undefined|NaN/);
    const ids = [...operations.values()].map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('says what is sent, by the schemas that check it', () => {
    expect(JSON.stringify(of('POST /api/register').requestBody)).toContain('"required":["email","password","name"]');
    expect(of('DELETE /api/admin/users/{id}/sessions/{handle}').parameters).toMatchObject([
      { name: 'id', in: 'path', required: true },
      { name: 'handle', in: 'path', required: true },
    ]);
    expect(of('GET /api/admin/audit').parameters).toMatchObject([
      { name: 'userId', in: 'query', required: false },
      { name: 'event' },
      { name: 'before' },
    ]);
    expect(of('PUT /api/cart/{item}').parameters).toMatchObject([{ name: 'item', schema: { type: 'string' } }]);
  });

  it('says whom a route admits, and by which codes the guards refuse the others', () => {
    expect(of('GET /api/cart').security).toEqual([]);
    expect(of('GET /api/me').security).toEqual([{ session: [] }]);
    expect(of('GET /api/admin/users').security).toEqual([{ session: ['admin'] }]);
    expect(codes(of('GET /api/me'), 401)).toBe('not_signed_in');
    expect(codes(of('GET /api/admin/users'), 404)).toBe('not_found');
    expect(codes(of('GET /api/me'), 403)).toBe('second_factor_missing');
    expect(codes(of('GET /api/factors'), 403)).toBeUndefined();
  });

  it('says what a handler refuses, and what every route may answer', () => {
    expect(codes(of('POST /api/login'), 401)).toBe('invalid_credentials,second_factor_required,passkey_required');
    expect(codes(of('PUT /api/cart/{item}'), 422)).toBe('invalid_input');
    expect(codes(of('GET /api/cart'), 422)).toBeUndefined();
    expect(codes(of('DELETE /api/sessions'), 403)).toBe('reauthentication_required,second_factor_missing,cross_site');
    expect(codes(of('GET /api/cart'), 503)).toBe('overloaded,timeout,unavailable');
    expect(codes(of('PUT /api/cart/{item}'), 503)).toBe('outage,overloaded,timeout,unavailable');
    expect(Object.keys(of('POST /api/logout').responses)).toEqual(['202', '204', '403', '429', '503']);
  });
});

describe('the description of a feature', () => {
  @Controller('api/pictures')
  class PicturesController {
    @Post()
    @Describe('Adds a picture', 'The picture')
    @Limits({ body: 5_000_000 })
    add(): void {}
    @Get()
    @ApiOkResponse({ description: 'By the library', schema: { type: 'array' } })
    list(): void {}
  }
  @Module({ controllers: [PicturesController] })
  class PicturesModule {}

  it('has a route without a description too, and what decorators of the library say', async () => {
    const app = await appOf(PicturesModule);
    apps.push(app);
    const pictures = operationsOf(apiDocument(app, collectRoutes(PicturesModule), config));
    const { requestBody, responses } = pictures.get('POST /api/pictures')!;
    expect(requestBody).toEqual({ content: { '*/*': { schema: { description: 'At most 5000000 bytes' } } } });
    expect(responses[201]).toEqual({ description: 'The picture' });
    expect(codes({ responses }, 502)).toBe('outcome_unknown');
    expect(pictures.get('GET /api/pictures')!.responses[200]).toMatchObject({
      description: 'By the library',
      content: { 'application/json': { schema: { type: 'array' } } },
    });
  });
});
