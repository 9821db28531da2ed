// Reads and checks the environment: every setting with its default and its rule; all faults are found in one pass.
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { z } from 'zod';
import { Config } from './config.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Some settings are missing or wrong. The message lists every fault, one per line. */
export class InvalidSettingsError extends Error {
  readonly code = 'invalid_settings';
  override readonly name = 'InvalidSettingsError';

  constructor(readonly faults: readonly string[]) {
    super(`The settings are not usable:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
  }
}

/** Settings that may also be given as `NAME_FILE`, the path of a file that holds the value. */
const secretNames = ['DATABASE_URLS', 'SESSION_SECRETS', 'SYNC_SECRET', 'MAIL_URL'];

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
    .refine(isPublicUrl, 'must be an http or https address without a path, like https://roam.example')
    .transform((text) => new URL(text)),
  DATABASE_URLS: z
    .string({ error: required })
    .pipe(list)
    .refine((urls) => urls.length > 0, required)
    .refine(
      (urls) => urls.every(isMysqlUrl),
      'must be mysql://user:password@host:port/database, separated by commas, one per node',
    ),
  SESSION_METHOD: z
    .string()
    .default('mysql')
    .superRefine((method, context) => {
      if (method === 'mysql' || method === 'memory') return;
      const known = method === 'cookie' || method === 'sync' || method === 'file';
      context.addIssue(
        known
          ? `${method} is not in this version; use mysql`
          : `must be mysql or memory, not ${JSON.stringify(method)}`,
      );
    })
    .transform((method): 'mysql' | 'memory' => (method === 'memory' ? 'memory' : 'mysql')),
  SESSION_SECRETS: z
    .string({ error: required })
    .pipe(list)
    .superRefine((secrets, context) => {
      if (secrets.length === 0) context.addIssue(required);
      secrets.forEach((secret, index) => {
        const fault = secretFault(secret);
        if (fault) context.addIssue(`number ${index + 1} ${fault}`);
      });
      if (new Set(secrets).size < secrets.length) context.addIssue('holds the same secret twice');
    }),
  SESSION_IDLE_SECONDS: seconds(1_800),
  SESSION_LIFETIME_SECONDS: seconds(28_800),
  SESSION_REMEMBER_IDLE_SECONDS: seconds(1_209_600),
  SESSION_REMEMBER_SECONDS: seconds(2_592_000),
  SESSION_TOUCH_SECONDS: seconds(60),
  SESSION_OUTAGE: z
    .string()
    .default('deny')
    .superRefine((policy, context) => {
      if (policy === 'deny') return;
      context.addIssue(
        policy === 'read-only'
          ? 'read-only is not in this version; use deny'
          : `must be deny, not ${JSON.stringify(policy)}`,
      );
    }),
  SESSION_MIGRATE_FROM: notYet(),
  SESSION_MIGRATE_PHASE: notYet(),
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
      'must be addresses, networks like 10.0.0.0/8, or loopback, linklocal, uniquelocal, separated by commas',
    ),
  METRICS_PORT: port(9464),
  MAIL_URL: z
    .string()
    .default('log:')
    .refine((text) => text === 'log:' || /^smtps?:\/\/[^/\s]+/.test(text), 'must be log: or smtp://…'),
  SHOW_SERVER: flag('off'),
});

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
  return new Config({
    server: {
      port: settings.PORT,
      host: settings.HOST,
      name: settings.SERVER_NAME,
      publicUrl: settings.PUBLIC_URL,
      trustedProxies: settings.TRUSTED_PROXIES,
      metricsPort: settings.METRICS_PORT,
      show: settings.SHOW_SERVER,
    },
    database: { urls: settings.DATABASE_URLS },
    session: {
      method: settings.SESSION_METHOD,
      secrets: settings.SESSION_SECRETS,
      idleMs: settings.SESSION_IDLE_SECONDS,
      lifetimeMs: settings.SESSION_LIFETIME_SECONDS,
      rememberIdleMs: settings.SESSION_REMEMBER_IDLE_SECONDS,
      rememberLifetimeMs: settings.SESSION_REMEMBER_SECONDS,
      touchMs: settings.SESSION_TOUCH_SECONDS,
    },
  });
}

/** What each setting allows on its own, and what they do not allow together. */
function contradictions(settings: z.output<typeof schema>): string[] {
  const faults: string[] = [];
  const atMost = (small: keyof typeof settings, large: keyof typeof settings) => {
    if (settings[small]! > settings[large]!) faults.push(`${small} must not be more than ${large}`);
  };
  atMost('SESSION_IDLE_SECONDS', 'SESSION_LIFETIME_SECONDS');
  atMost('SESSION_REMEMBER_IDLE_SECONDS', 'SESSION_REMEMBER_SECONDS');
  if (settings.SESSION_TOUCH_SECONDS >= settings.SESSION_IDLE_SECONDS) {
    faults.push('SESSION_TOUCH_SECONDS must be less than SESSION_IDLE_SECONDS, or an active user is logged out');
  }
  if (settings.PORT !== 0 && settings.PORT === settings.METRICS_PORT) {
    faults.push('METRICS_PORT must not be PORT: metrics are never public');
  }
  return faults;
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
      faults.push(`${name} and ${name}_FILE are both set; keep one`);
      continue;
    }
    try {
      const content = readFileSync(path, 'utf8').trim();
      if (content === '') faults.push(`${name}_FILE: ${path} is empty`);
      else values[name] = content;
    } catch (error) {
      faults.push(`${name}_FILE: ${path} cannot be read (${(error as NodeJS.ErrnoException).code})`);
    }
  }
  return { values, faults };
}

function notYet() {
  return z
    .string()
    .optional()
    .refine((value) => value === undefined, 'is not in this version; remove it');
}

function secretFault(secret: string): string | undefined {
  if (secret.length < minSecretLength) return `is shorter than ${minSecretLength} characters`;
  if (exampleSecret.test(secret) || new Set(secret).size < 10) {
    return 'is a known example or easily guessed; make one with: openssl rand -base64 48';
  }
  return undefined;
}

function isPublicUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return /^https?:$/.test(url.protocol) && url.pathname === '/' && !url.search && !url.hash && !url.username;
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
