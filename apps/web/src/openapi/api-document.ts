// The API's description as OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1): @nestjs/swagger makes it of the handlers.
import { Injectable, type INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { z } from 'zod';
import { Config } from '../config/config.js';
import { siteName } from '../config/site.js';
import { cookiesOf } from '../http/cookies.js';
import type { Route } from '../routes/collect-routes.js';
import { describeOperation } from './describe-operation.js';

const description = `Requests with a body need content-type: application/json. A browser's writes must come from this
site, by Sec-Fetch-Site or Origin; the API has no form token. The role of a security requirement is the user's.`;

const fault = z.object({
  error: z.object({ code: z.string(), message: z.string(), fields: z.record(z.string(), z.string()).optional() }),
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
});

/** Made at the first question: most servers are never asked. */
@Injectable()
export class ApiDocument {
  private source?: { readonly app: INestApplication; readonly routes: readonly Route[] };
  private made?: OpenAPIObject;

  constructor(private readonly config: Config) {}

  /** Describes this app from now on. */
  of(app: INestApplication, routes: readonly Route[]): void {
    this.source = { app, routes };
  }

  get content(): OpenAPIObject {
    const { app, routes } = this.source!;
    return (this.made ??= apiDocument(app, routes, this.config));
  }
}

/** The routes below /api. @param app may be in preview mode */
export function apiDocument(app: INestApplication, routes: readonly Route[], config: Config): OpenAPIObject {
  const outline = new DocumentBuilder()
    .setOpenAPIVersion('3.1.1')
    .setTitle(siteName)
    .setVersion('1')
    .setDescription(description.replaceAll('\n', ' '))
    .addServer(config.server.publicUrl.origin)
    .addCookieAuth(cookiesOf(config).name('token'), { type: 'apiKey' }, 'session')
    .build();
  const document = SwaggerModule.createDocument(app, outline, {
    standardSchemaConverter: (schema, { schemaType }) =>
      schema instanceof z.ZodType ? { schema: jsonSchema(schema, schemaType) } : undefined,
  });
  const paths: OpenAPIObject['paths'] = {};
  for (const { of, ...route } of routes) {
    const path = route.path.replaceAll(/[:*](\w+)/g, '{$1}');
    const verb = route.method.toLowerCase() as 'get';
    const operation = document.paths[path]?.[verb];
    if (of && operation && path.startsWith('/api/'))
      (paths[path] ??= {})[verb] = describeOperation(operation, { ...route, of });
  }
  const schemas = { ...document.components?.schemas, Fault: jsonSchema(fault, 'output') };
  return { ...document, paths, components: { ...document.components, schemas } };
}

/** The input is that before the transformations. */
function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): object {
  const made = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  delete made.$schema;
  return made;
}
