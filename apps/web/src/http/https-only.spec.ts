// A site with an https address over plain http: redirected or refused, and nothing is opened.
import { describe, expect, it } from '@jest/globals';
import express from 'express';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import supertest from 'supertest';
import { parseSettings } from '../config/parse-settings.js';
import { httpsOnly } from './https-only.js';
import { requestContext } from './request-context.js';
import { securityHeaders } from './security-headers.js';

const settings = {
  DATABASE_URLS: 'mysql://roam:pw@127.0.0.1:3306/roam',
  SESSION_SECRETS: 'Vt7mHq2zLw9sXc4bNk8rYp3eJd6fGa5u',
};

function site(publicUrl: string) {
  const config = parseSettings({ ...settings, PUBLIC_URL: publicUrl });
  const app = express().set('trust proxy', 'loopback');
  app.use(requestContext(config), securityHeaders(config), httpsOnly(config));
  app.use((_request, response) => void response.cookie('sid', 'opened').end('served'));
  return app;
}

const secure = site('https://roam.test');
const proxied = { 'X-Forwarded-Proto': 'http', Host: 'evil.example', 'X-Forwarded-Host': 'evil.example' };

describe('over plain http, a site with an https address', () => {
  it('ASVS 12.2.1: redirects a page to its own address, and opens nothing', async () => {
    for (const method of ['get', 'head'] as const) {
      const { status, headers } = await supertest(secure)[method]('/cart?a=%2F%20b').set(proxied).redirects(0);
      expect([status, headers.location]).toEqual([308, 'https://roam.test/cart?a=%2F%20b']);
      expect(headers['set-cookie']).toBeUndefined();
      expect(headers['strict-transport-security']).toBeUndefined();
      expect(headers['cache-control']).toBe('no-store');
    }
  });

  it('keeps the part of an address that names one web server', async () => {
    const { headers } = await supertest(secure)
      .get('/login')
      .set({ ...proxied, 'X-Forwarded-Prefix': '/_server/web2' });
    expect(headers.location).toBe('https://roam.test/_server/web2/login');
  });

  it.each([
    ['GET', '/api/me', 'application/json'],
    ['POST', '/api/login', 'application/json'],
    ['DELETE', '/api/account', 'application/json'],
    ['POST', '/login', 'text/html'],
  ] as const)('ASVS 4.1.2: refuses %s %s, and says why', async (method, path, type) => {
    const agent = supertest(secure);
    const send = { GET: agent.get(path), POST: agent.post(path), DELETE: agent.delete(path) }[method];
    const answer = await send.set(proxied);
    expect([answer.status, answer.type]).toEqual([403, type]);
    expect(answer.text).toContain('https');
    if (type === 'application/json')
      expect(answer.body).toMatchObject({ error: { code: 'https_required' }, status: 403 });
    expect(answer.headers['set-cookie']).toBeUndefined();
  });

  it('leads nowhere else, whatever stands in the request line', async () => {
    const server = secure.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    for (const [path, location] of [
      ['http://evil.example/x', 'https://roam.test/'],
      ['//evil.example/x', 'https://roam.test//evil.example/x'],
    ]) {
      const answered = new Promise<string | undefined>((resolve, reject) =>
        httpRequest({ port, host: '127.0.0.1', path, headers: { Connection: 'close' } }, (response) => {
          response.resume();
          resolve(response.headers.location);
        })
          .once('error', reject)
          .end(),
      );
      expect(await answered).toBe(location);
    }
    server.close();
  });
});

it('serves over https as the proxy tells, and over http a site whose address is http', async () => {
  expect((await supertest(secure).get('/').set('X-Forwarded-Proto', 'https')).text).toBe('served');
  expect((await supertest(site('http://localhost:8080')).get('/').set(proxied)).text).toBe('served');
});
