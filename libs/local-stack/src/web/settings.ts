// The settings that all web servers of a stack share.
import { randomBytes } from 'node:crypto';
import type { Databases } from '../types.js';

/** Complete but for each server's own name and ports; the session secret is a new one. */
export function webSettings(databases: Databases, publicUrl: string): Record<string, string> {
  return {
    HOST: '127.0.0.1',
    PUBLIC_URL: publicUrl,
    DATABASE_URLS: databases.urls.join(','),
    SESSION_METHOD: 'mysql',
    SESSION_SECRETS: randomBytes(32).toString('base64url'),
    SHOW_SERVER: 'on',
    TRUSTED_PROXIES: 'loopback',
    MAIL_URL: 'log:',
  };
}
