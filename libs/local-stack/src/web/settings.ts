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
    // All people of this stack come from one address.
    THROTTLE_LOGINS_PER_ADDRESS: '100000',
    THROTTLE_REGISTRATIONS_PER_ADDRESS: '100000',
    THROTTLE_MAILS_PER_ADDRESS: '100000',
    THROTTLE_SESSIONS_PER_ADDRESS: '100000',
  };
}

/** What the migrations need beside the settings of the web servers, and no web server may have. */
export function migrationSettings({ migrationUrls }: Databases): Record<string, string> {
  return { MIGRATION_DATABASE_URLS: migrationUrls.join(',') };
}

/**
 * What the methods `file` and `sync` need: the folders stand for two network mounts, and the first peer's address for
 * that of a tool that is no server.
 */
export function shareSettings(dirs: readonly string[], peers: readonly string[]): Record<string, string> {
  return {
    SESSION_DIRS: dirs.join(','),
    SYNC_LISTEN: peers[0] ?? '',
    SYNC_PEERS: peers.join(','),
    SYNC_SECRET: randomBytes(32).toString('base64url'),
  };
}
