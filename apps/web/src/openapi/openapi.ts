// The API's description as OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1), made from its routes and schemas.
import { z } from 'zod';
import { siteName } from '../config/site.js';
import type { ApiRoute } from './api-route.js';

const json = (schema: object) => ({ 'application/json': { schema } });
const fault = (description: string) => ({ description, content: json({ $ref: '#/components/schemas/Fault' }) });

/** The refusals that every route may give. */
const commonFaults = {
  429: 'Too many attempts; see Retry-After',
  503: 'The server is overloaded or a store does not answer; see Retry-After',
};
const faultsOf: Readonly<Record<ApiRoute['for'], Readonly<Record<number, string>>>> = {
  everybody: commonFaults,
  'signed-in users': { ...commonFaults, 401: 'Not signed in' },
  administrators: { ...commonFaults, 401: 'Not signed in', 404: 'Not an administrator, or not found' },
};

/** The document; `cookie` is the name of the session cookie. */
export function openApi(origin: string, cookie: string, routes: readonly ApiRoute[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const [method = '', path = ''] = route.route.split(' ');
    (paths[path] ??= {})[method.toLowerCase()] = operation(route, path);
  }
  return {
    openapi: '3.1.1',
    info: { title: siteName, version: '1', description: 'Requests with a body need content-type: application/json.' },
    servers: [{ url: origin }],
    paths,
    components: {
      securitySchemes: { session: { type: 'apiKey', in: 'cookie', name: cookie } },
      schemas: { Fault: z.toJSONSchema(faultShape) },
    },
  };
}

const faultShape = z.object({
  error: z.object({ code: z.string(), message: z.string(), fields: z.record(z.string(), z.string()).optional() }),
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
});

function operation(route: ApiRoute, path: string): object {
  const answers = { ...faultsOf[route.for], ...route.answers };
  return {
    summary: route.does,
    tags: [path.split('/')[2]],
    security: route.for === 'everybody' ? [] : [{ session: [] }],
    parameters: [
      ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => parameter(name, 'path', { type: 'string' })),
      ...Object.entries(route.query?.shape ?? {}).map(([name, schema]: [string, z.core.$ZodType]) =>
        parameter(name, 'query', shape(schema)),
      ),
    ],
    ...(route.body && { requestBody: { required: true, content: json(shape(route.body)) } }),
    responses: Object.fromEntries(
      Object.entries(answers).map(([status, description]) => [
        status,
        Number(status) < 400 ? { description } : fault(description),
      ]),
    ),
  };
}

function parameter(name: string, where: 'path' | 'query', schema: object): object {
  return { name, in: where, required: where === 'path', schema };
}

/** The schema of the input, before the transformations. */
function shape(schema: z.core.$ZodType): object {
  const made = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  delete made.$schema;
  return made;
}
