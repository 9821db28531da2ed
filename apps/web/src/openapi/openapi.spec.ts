// The description of the API: every route once, every reference resolved, and the schemas of the bodies.
import { describe, expect, it } from '@jest/globals';
import { openApi } from './openapi.js';
import { routes } from './routes.js';

interface Document {
  paths: Record<string, Record<string, { parameters: { name: string }[]; requestBody?: object; responses: object }>>;
}

describe('the description of the API', () => {
  const document = openApi('https://roam.test', '__Host-sid') as Document;

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
