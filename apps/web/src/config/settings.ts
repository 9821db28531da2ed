// Reads and checks the environment: every setting with its default and its rule; all faults are found in one pass.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { Config, migrationPhases, outagePolicies, secondFactorRules, sessionMethods } from './config.js';

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
const secretNames = ['DATABASE_URLS', 'DATABASE_CA', 'SESSION_SECRETS', 'SYNC_SECRET', 'MAIL_URL'];

const minSecretLength = 32;
const exampleSecret =
  /change.?me|example|keyboard.?cat|your.?secret|replace.?(me|this)|insecure|default.?secret|0123456789|abcdefghij/i;

const port = (fallback: number) =>
  z
    .string()
    .default(String(fallback))
    .refine((text) => /^\d+$/.test(text) && Number(text) <= 65_535, 'must be a port number (0 to 65535)')
    .transform(Number);

const seconds = (fallback: number) =>
  z
    .string()
    .default(String(fallback))
    .refine((text) => /^[1-9]\d{0,8}$/.test(text), 'must be a whole number of seconds, at least 1')
    .transform((text) => Number(text) * 1_000);

const count = (fallback: number) =>
  z
    .string()
    .default(String(fallback))
    .refine((text) => /^[1-9]\d{0,8}$/.test(text), 'must be a whole number, at least 1')
    .transform(Number);

const list = z.string().transform((text) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
);

const flag = (fallback: 'on' | 'off') =>
  z
    .string()
    .default(fallback)
    .transform((text) => text.toLowerCase())
    .refine((text) => /^(on|off|true|false|1|0|yes|no)$/.test(text), 'must be on or off')
    .transform((text) => /^(on|true|1|yes)$/.test(text));

const required = 'is required';

const schema = z.object({
  PORT: port(3000),
  HOST: z.string().default('0.0.0.0'),
  SERVER_NAME: z
    .string()
    .default(hostname)
    .refine((name) => /^[\w.-]{1,64}$/.test(name), 'must be 1 to 64 letters, digits, dots, dashes or underscores'),
  PUBLIC_URL: z
    .string()
    .default('http://localhost:8080')
    .refine(isWebUrl(/^\/$/), 'must be an http or https address without a path, like https://roam.example')
    .transform((text) => new URL(text)),
  DATABASE_URLS: z
    .string({ error: required })
    .pipe(list)
    .refine((urls) => urls.length > 0, required)
    .refine(
      (urls) => urls.every(isMysqlUrl),
      'must be mysql://user:password@host:port/database for each node, separated by commas',
    ),
  DATABASE_CA: z
    .string()
    .refine(
      isCertificate,
      'must be the certificate (PEM) of the authority that signed the certificates of the MySQL servers',
    )
    .optional(),
  SESSION_METHOD: z.string().default('mysql').pipe(oneOf(sessionMethods)),
  SESSION_MIGRATE_FROM: z.string().pipe(oneOf(sessionMethods)).optional(),
  SESSION_MIGRATE_PHASE: z.string().pipe(oneOf(migrationPhases)).optional(),
  SESSION_DIRS: z
    .string()
    .default('')
    .pipe(list)
    .refine(
      (dirs) => dirs.every((dir) => isAbsolute(dir)),
      'must be the absolute path of each mount, separated by commas',
    )
    .refine((dirs) => new Set(dirs).size === dirs.length, 'contains the same mount twice'),
  SYNC_LISTEN: z
    .string()
    .optional()
    .transform((text, context) => {
      if (text === undefined) return undefined;
      const address = hostAndPort(text);
      if (address?.port === undefined) {
        context.addIssue('must be an address and a port, like 0.0.0.0:7946');
        return z.NEVER;
      }
      return { host: address.host, port: address.port };
    }),
  SYNC_PEERS: z
    .string()
    .default('')
    .pipe(list)
    .refine(
      (peers) =>
        peers.every((peer, _, { length }) => hostAndPort(peer)?.port !== undefined || (length === 1 && isHost(peer))),
      'must be host:port of each web server, separated by commas, or one DNS name that resolves to all of them',
    ),
  SYNC_DIRECTION: z
    .string()
    .default('both-ways')
    .refine(
      (text) => /^(both-ways|one-way:[\w.-]{1,64}(,[\w.-]{1,64})*)$/.test(text),
      'must be both-ways, one-way:NAME, or with successors one-way:NAME,NAME,NAME',
    )
    .transform((text) => (text === 'both-ways' ? [] : text.slice('one-way:'.length).split(',')))
    .refine((order) => new Set(order).size === order.length, 'names the same web server twice'),
  SYNC_TAKE_BACK: flag('off'),
  SYNC_SNAPSHOT: z
    .string()
    .optional()
    .refine((path) => path === undefined || isAbsolute(path), 'must be the absolute path of a file'),
  SESSION_SECRETS: z
    .string({ error: required })
    .pipe(list)
    .superRefine((secrets, context) => {
      if (secrets.length === 0) context.addIssue(required);
      secrets.forEach((secret, index) => {
        const fault = secretFault(secret);
        if (fault) context.addIssue(`number ${index + 1} ${fault}`);
      });
      if (new Set(secrets).size < secrets.length) context.addIssue('contains the same secret twice');
    }),
  SESSION_IDLE_SECONDS: seconds(1_800),
  SESSION_LIFETIME_SECONDS: seconds(28_800),
  SESSION_REMEMBER_IDLE_SECONDS: seconds(1_209_600),
  SESSION_REMEMBER_SECONDS: seconds(2_592_000),
  SESSION_TOUCH_SECONDS: seconds(60),
  THROTTLE_LOGINS_PER_ACCOUNT: count(5),
  THROTTLE_LOGINS_PER_ADDRESS: count(100),
  THROTTLE_REGISTRATIONS_PER_ADDRESS: count(1_000),
  THROTTLE_MAILS_PER_ADDRESS: count(50),
  SECOND_FACTOR: z.string().default('optional').pipe(oneOf(secondFactorRules)),
  BREACHED_PASSWORDS_URL: z
    .string()
    .refine(
      isWebUrl(/\/$/),
      'must be the address of a range API and end with a slash, like https://api.pwnedpasswords.com/range/',
    )
    .optional(),
  SESSION_CLEANUP_SECONDS: seconds(300),
  SESSION_OUTAGE: z.string().default('deny').pipe(oneOf(outagePolicies)),
  STANDBY_PORT: port(3001),
  SYNC_SECRET: z
    .string()
    .superRefine((secret, context) => {
      const fault = secretFault(secret);
      if (fault) context.addIssue(fault);
    })
    .optional(),
  TRUSTED_PROXIES: z
    .string()
    .default('loopback')
    .pipe(list)
    .refine(
      (entries) => entries.every(isProxyAddress),
      'must be IP addresses, networks like 10.0.0.0/8, or loopback, linklocal or uniquelocal, separated by commas',
    ),
  METRICS_PORT: port(9464),
  MAIL_URL: z
    .string()
    .default('log:')
    .refine((text) => text === 'log:' || /^smtps?:\/\/[^/\s]+/.test(text), 'must be log:, smtp://… or smtps://…'),
  MAIL_FROM: z
    .string()
    .optional()
    .refine((text) => text === undefined || /^[^\s@<>]+@[^\s@<>]+$/.test(text), 'must be an e-mail address'),
  SHOW_SERVER: flag('off'),
  DEMO_SOCKET: z
    .string()
    .optional()
    .refine((path) => path === undefined || isAbsolute(path), 'must be the absolute path of a socket'),
});

type Settings = z.output<typeof schema>;

/**
 * The configuration that an environment describes.
 * @throws {InvalidSettingsError} with every fault at once
 */
export function parseSettings(environment: Environment): Config {
  const { values, faults } = resolveFiles(environment);
  const parsed = schema.safeParse(values);
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
  const settings = parsed.data;
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
      show: settings.SHOW_SERVER,
      ...(settings.DEMO_SOCKET !== undefined && { demoSocket: settings.DEMO_SOCKET }),
    },
    database: {
      urls: settings.DATABASE_URLS,
      ...(settings.DATABASE_CA !== undefined && { ca: settings.DATABASE_CA }),
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
    },
    accounts: {
      secondFactor: settings.SECOND_FACTOR,
      ...(settings.BREACHED_PASSWORDS_URL !== undefined && { breachedPasswordsUrl: settings.BREACHED_PASSWORDS_URL }),
    },
    mail: {
      ...(settings.MAIL_URL !== 'log:' && { url: settings.MAIL_URL }),
      from: settings.MAIL_FROM ?? `no-reply@${settings.PUBLIC_URL.hostname}`,
    },
    ...(usesSync(settings) && { sync: syncOf(settings) }),
  });
}

/** What each setting allows on its own, and what they do not allow together. */
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
  return faults;
}

function usesSync({ SESSION_METHOD: method, SESSION_MIGRATE_FROM: from }: Settings): boolean {
  return method === 'sync' || from === 'sync';
}

/** `contradictions` has seen that all is there. */
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

/** Empty counts as unset, and `NAME_FILE` of a secret is replaced by the file's content. */
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

function isCertificate(text: string): boolean {
  try {
    return new X509Certificate(text).ca;
  } catch {
    return false;
  }
}

function oneOf<T extends string>(values: readonly T[]) {
  return z
    .string()
    .refine((value): value is T => (values as readonly string[]).includes(value), {
      error: ({ input }) => `must be ${orList(values)}, not ${JSON.stringify(input)}`,
    })
    .transform((value) => value);
}

function orList(values: readonly string[]): string {
  return `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`;
}

function isHost(text: string): boolean {
  return /^[\w.-]+$/.test(text) || isIP(text) !== 0;
}

/** `host:port`, where an IPv6 address stands in brackets. */
function hostAndPort(text: string): { host: string; port?: number } | undefined {
  const [, v6, name, port] = /^(?:\[([\da-f:.]+)\]|([\w.-]+)):(\d{1,5})$/i.exec(text) ?? [];
  const host = v6 ?? name;
  return host !== undefined && Number(port) <= 65_535 ? { host, port: Number(port) } : undefined;
}

function secretFault(secret: string): string | undefined {
  if (secret.length < minSecretLength)
    return `is shorter than ${minSecretLength} characters; make one with: openssl rand -base64 48`;
  if (exampleSecret.test(secret) || new Set(secret).size < 10) {
    return 'is a known example or easily guessed; make one with: openssl rand -base64 48';
  }
  return undefined;
}

/** A web address with such a path, and nothing after it. */
function isWebUrl(path: RegExp): (text: string) => boolean {
  return (text) => {
    if (!URL.canParse(text)) return false;
    const url = new URL(text);
    return /^https?:$/.test(url.protocol) && path.test(url.pathname) && !url.search && !url.hash && !url.username;
  };
}

function isMysqlUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return url.protocol === 'mysql:' && url.hostname !== '' && url.username !== '' && url.pathname.length > 1;
}

function isProxyAddress(text: string): boolean {
  if (/^(loopback|linklocal|uniquelocal)$/.test(text)) return true;
  const [address = '', prefix, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128));
}
