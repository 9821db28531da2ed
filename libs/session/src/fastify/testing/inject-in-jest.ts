// Lets a spec call `app.inject`: light-my-request requires an ES module, which Jest's `require` cannot load before Node 24.9.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { jest } from '@jest/globals';

export async function requireCookieOfInject(): Promise<void> {
  const { resolve } = createRequire(import.meta.url);
  const cookie = createRequire(resolve('light-my-request')).resolve('cookie');
  jest.setMock(cookie, await import(pathToFileURL(cookie).href));
}
