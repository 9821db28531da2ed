// Makes the configuration of a web server from its environment, and reports all faults at once.
import { readFileSync } from 'node:fs';
import { plainAddress } from './plain-address.js';
import { Config } from './config.js';
import { settingsSchema, type Settings } from './settings-schema.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Some settings are missing or wrong. The message lists every fault, one per line. */
export class InvalidSettingsError extends Error {
  readonly code = 'invalid_settings';
  override readonly name = 'InvalidSettingsError';

  constructor(readonly faults: readonly string[]) {
    super(`These settings are missing or not valid:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
  }
}

/** Settings that may also be given as `NAME_FILE`, the path of a file that holds the value. */
const secretNames = [
  'DATABASE_URLS',
  'MIGRATION_DATABASE_URLS',
  'DATABASE_CA',
  'SESSION_SECRETS',
  'SYNC_SECRET',
  'MAIL_URL',
];

/**
 * The configuration that an environment describes.
 * @throws {InvalidSettingsError} with every fault at once
 */
export function parseSettings(environment: Environment): Config {
  const { values, faults } = resolveFiles(environment);
  const parsed = settingsSchema.safeParse(values);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      const name = issue.path.join('.');
      const alreadySaid = values[name] === undefined && values[`${name}_FILE`] !== undefined;
      if (!alreadySaid) faults.push(`${name} ${issue.message}`);
    }
  } else {
    faults.push(...contradictions(parsed.data));
  }
  if (faults.length > 0 || !parsed.success) throw new InvalidSettingsError(faults);
  return configOf(parsed.data);
}

function configOf(settings: Settings): Config {
  const { SESSION_MIGRATE_FROM: from, SESSION_MIGRATE_PHASE: phase } = settings;
  return new Config({
    server: {
      port: settings.PORT,
      host: settings.HOST,
      ...(settings.SESSION_OUTAGE === 'read-only' && { standbyPort: settings.STANDBY_PORT }),
      name: settings.SERVER_NAME,
      publicUrl: settings.PUBLIC_URL,
      trustedProxies: settings.TRUSTED_PROXIES,
      metricsPort: settings.METRICS_PORT,
      metricsHosts: settings.METRICS_HOSTS,
      show: settings.SHOW_SERVER,
      ...(settings.DEMO_SOCKET !== undefined && { demoSocket: settings.DEMO_SOCKET }),
    },
    database: {
      urls: settings.DATABASE_URLS,
      ...(settings.DATABASE_CA !== undefined && { ca: settings.DATABASE_CA }),
      ...(settings.MIGRATION_DATABASE_URLS && { migrationUrls: settings.MIGRATION_DATABASE_URLS }),
    },
    session: {
      method: settings.SESSION_METHOD,
      secrets: settings.SESSION_SECRETS,
      idleMs: settings.SESSION_IDLE_SECONDS,
      lifetimeMs: settings.SESSION_LIFETIME_SECONDS,
      rememberIdleMs: settings.SESSION_REMEMBER_IDLE_SECONDS,
      rememberLifetimeMs: settings.SESSION_REMEMBER_SECONDS,
      touchMs: settings.SESSION_TOUCH_SECONDS,
      cleanupMs: settings.SESSION_CLEANUP_SECONDS,
      outage: settings.SESSION_OUTAGE,
      dirs: settings.SESSION_DIRS,
      ...(from && phase && { migrate: { from, phase } }),
    },
    throttle: {
      loginsPerAccount: settings.THROTTLE_LOGINS_PER_ACCOUNT,
      loginsPerAddress: settings.THROTTLE_LOGINS_PER_ADDRESS,
      registrationsPerAddress: settings.THROTTLE_REGISTRATIONS_PER_ADDRESS,
      mailsPerAddress: settings.THROTTLE_MAILS_PER_ADDRESS,
      sharedAddresses: settings.THROTTLE_SHARED_ADDRESSES.map(plainAddress),
      sessionsPerAddress: settings.THROTTLE_SESSIONS_PER_ADDRESS,
      sessions: settings.THROTTLE_SESSIONS,
    },
    accounts: {
      secondFactor: settings.SECOND_FACTOR,
      newDeviceMails: settings.NEW_DEVICE_MAILS,
      ...(settings.BREACHED_PASSWORDS_URL !== undefined && { breachedPasswordsUrl: settings.BREACHED_PASSWORDS_URL }),
    },
    mail: {
      ...(settings.MAIL_URL !== 'log:' && { url: settings.MAIL_URL }),
      from: settings.MAIL_FROM ?? `no-reply@${settings.PUBLIC_URL.hostname}`,
    },
    disclosure: {
      contacts: settings.SECURITY_CONTACTS ?? [`mailto:security@${settings.PUBLIC_URL.hostname}`],
      ...(settings.SECURITY_POLICY !== undefined && { policy: settings.SECURITY_POLICY }),
    },
    ...(usesSync(settings) && { sync: syncOf(settings) }),
  });
}

/** The faults of settings that are valid each on its own, but not together. */
function contradictions(settings: Settings): string[] {
  const faults: string[] = [];
  const atMost = (small: keyof typeof settings, large: keyof typeof settings) => {
    if (settings[small]! > settings[large]!) faults.push(`${small} must not be more than ${large}`);
  };
  atMost('SESSION_IDLE_SECONDS', 'SESSION_LIFETIME_SECONDS');
  atMost('SESSION_REMEMBER_IDLE_SECONDS', 'SESSION_REMEMBER_SECONDS');
  if (settings.SESSION_TOUCH_SECONDS >= settings.SESSION_IDLE_SECONDS) {
    faults.push('SESSION_TOUCH_SECONDS must be less than SESSION_IDLE_SECONDS, else active users are signed out');
  }
  if (settings.PORT !== 0 && settings.PORT === settings.METRICS_PORT) {
    faults.push('METRICS_PORT must not be the same as PORT: metrics are never public');
  }
  const { SESSION_OUTAGE: outage, STANDBY_PORT: standby } = settings;
  if (outage === 'read-only' && standby !== 0 && [settings.PORT, settings.METRICS_PORT].includes(standby))
    faults.push('STANDBY_PORT must be neither PORT nor METRICS_PORT: it stays open while PORT is closed');
  const { SESSION_METHOD: method, SESSION_MIGRATE_FROM: from, SESSION_MIGRATE_PHASE: phase } = settings;
  if ((from === undefined) !== (phase === undefined))
    faults.push('SESSION_MIGRATE_FROM and SESSION_MIGRATE_PHASE belong together: set both or neither');
  if (from === method) faults.push('SESSION_MIGRATE_FROM must be another method than SESSION_METHOD');
  if ((method === 'file' || from === 'file') && settings.SESSION_DIRS.length === 0)
    faults.push(
      'SESSION_DIRS is required by the method file: the absolute paths of the mounts that all web servers share, separated by commas',
    );
  if (usesSync(settings)) {
    for (const name of ['SYNC_LISTEN', 'SYNC_SECRET'] as const)
      if (settings[name] === undefined) faults.push(`${name} is required by the method sync`);
    if (settings.SYNC_PEERS.length === 0) faults.push('SYNC_PEERS is required by the method sync');
  }
  const [app, migrations] = [settings.DATABASE_URLS, settings.MIGRATION_DATABASE_URLS ?? []].map(accountsOf);
  if (migrations.some(({ user }) => app.some((each) => each.user === user)))
    faults.push(
      'MIGRATION_DATABASE_URLS must name another account than DATABASE_URLS: migrate.js removes from the latter all rights to change tables',
    );
  if (migrations.some(({ database }) => app.every((each) => each.database !== database)))
    faults.push('MIGRATION_DATABASE_URLS must name the same database as DATABASE_URLS');
  return faults;
}

function accountsOf(urls: readonly string[]) {
  return urls.map((url) => {
    const { username: user, pathname: database } = new URL(url);
    return { user, database };
  });
}

function usesSync({ SESSION_METHOD: method, SESSION_MIGRATE_FROM: from }: Settings): boolean {
  return method === 'sync' || from === 'sync';
}

/** For settings without `contradictions`: the method `sync` then has all that it requires. */
function syncOf(settings: Settings) {
  const { SYNC_LISTEN, SYNC_PEERS, SYNC_SECRET, SYNC_DIRECTION, SYNC_TAKE_BACK, SYNC_SNAPSHOT } = settings;
  return {
    ...SYNC_LISTEN!,
    peers: SYNC_PEERS,
    secret: SYNC_SECRET!,
    ...(SYNC_DIRECTION.length > 0 && { oneWay: SYNC_DIRECTION, takesBack: SYNC_TAKE_BACK }),
    ...(SYNC_SNAPSHOT !== undefined && { snapshot: SYNC_SNAPSHOT }),
  };
}

/** An empty value counts as unset. The content of the file `NAME_FILE` becomes the value of the secret `NAME`. */
function resolveFiles(environment: Environment): { values: Record<string, string>; faults: string[] } {
  const values: Record<string, string> = {};
  const faults: string[] = [];
  for (const [name, value] of Object.entries(environment)) if (value?.trim()) values[name] = value.trim();
  for (const name of secretNames) {
    const path = values[`${name}_FILE`];
    if (path === undefined) continue;
    if (values[name] !== undefined) {
      faults.push(`${name} and ${name}_FILE are both set: remove one`);
      continue;
    }
    try {
      const content = readFileSync(path, 'utf8').trim();
      if (content === '') faults.push(`${name}_FILE: the file ${path} is empty`);
      else values[name] = content;
    } catch (error) {
      faults.push(`${name}_FILE: the file ${path} cannot be read (${(error as NodeJS.ErrnoException).code})`);
    }
  }
  return { values, faults };
}
