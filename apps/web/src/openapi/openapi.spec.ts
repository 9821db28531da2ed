// The description of the API: every route once, every reference resolved, and the schemas of the bodies.
import { describe, expect, it } from '@jest/globals';
import { features } from '../features.js';
import { modulesOf } from '../routes/module-tree.js';
import { Described, type ApiRoute } from './api-route.js';
import { openApi } from './openapi.js';

interface Document {
  paths: Record<string, Record<string, { parameters: { name: string }[]; requestBody?: object; responses: object }>>;
}

const controllers = new Set(features.flatMap((feature) => [...modulesOf(feature)].flatMap((each) => each.controllers)));
const routes = [...controllers].flatMap(
  (each) => (Reflect.getMetadata(Described.KEY, each) as readonly ApiRoute[] | undefined) ?? [],
);

describe('the description of the API', () => {
  const document = openApi('https://roam.test', '__Host-sid', routes) as Document;

  it('has each route once', () => {
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(described.sort()).toEqual(routes.map(({ route }) => route).sort());
  });

  it('says what is sent, by the schemas that check it', () => {
    const { requestBody } = document.paths['/api/register'].post;
    expect(JSON.stringify(requestBody)).toMatch(/"required":\["email","password","name"\]/);
    expect(document.paths['/api/admin/users/{id}/sessions/{handle}'].delete.parameters.map(({ name }) => name)).toEqual(
      ['id', 'handle'],
    );
    expect(document.paths['/api/admin/audit'].get.parameters.map(({ name }) => name)).toEqual([
      'userId',
      'event',
      'before',
    ]);
  });

  it('is plain JSON', () => {
    expect(JSON.parse(JSON.stringify(document))).toEqual(document);
  });
});
