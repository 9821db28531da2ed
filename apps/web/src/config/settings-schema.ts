// Every setting of a web server, with its default and its rule.
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { migrationPhases, outagePolicies, secondFactorRules, sessionMethods } from './config.js';
import {
  count,
  flag,
  hostAndPort,
  isCertificate,
  isContact,
  isHost,
  isMysqlUrl,
  isProxyAddress,
  isWebUrl,
  list,
  oneOf,
  port,
  seconds,
  secretFault,
} from './setting-types.js';

const required = 'is required';
const mysqlUrls = 'must be mysql://user:password@host:port/database for each node, separated by commas';

export const settingsSchema = z.object({
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
    .refine((urls) => urls.every(isMysqlUrl), mysqlUrls),
  MIGRATION_DATABASE_URLS: z
    .string()
    .pipe(list)
    .refine((urls) => urls.every(isMysqlUrl), mysqlUrls)
    .optional(),
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
      if (address) return address;
      context.addIssue('must be an address and a port, like 0.0.0.0:7946');
      return z.NEVER;
    }),
  SYNC_PEERS: z
    .string()
    .default('')
    .pipe(list)
    .refine(
      (peers) => peers.every(hostAndPort) || (peers.length === 1 && isHost(peers[0])),
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
  THROTTLE_SHARED_ADDRESSES: z
    .string()
    .default('')
    .pipe(list)
    .refine((entries) => entries.every((entry) => isIP(entry) !== 0), 'must be IP addresses, separated by commas'),
  THROTTLE_SESSIONS_PER_ADDRESS: count(1_000),
  THROTTLE_SESSIONS: count(100_000),
  SECOND_FACTOR: z.string().default('optional').pipe(oneOf(secondFactorRules)),
  NEW_DEVICE_MAILS: flag('on'),
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
  METRICS_HOSTS: z
    .string()
    .default('')
    .pipe(list)
    .refine((names) => names.every(isHost), 'must be host names without a port, separated by commas')
    .transform((names) => names.map((name) => name.toLowerCase())),
  MAIL_URL: z
    .string()
    .default('log:')
    .refine((text) => text === 'log:' || /^smtps?:\/\/[^/\s]+/.test(text), 'must be log:, smtp://… or smtps://…'),
  MAIL_FROM: z
    .string()
    .optional()
    .refine((text) => text === undefined || /^[^\s@<>]+@[^\s@<>]+$/.test(text), 'must be an e-mail address'),
  SECURITY_CONTACTS: list
    .refine((contacts) => contacts.every(isContact), 'must be mailto:…, https://… or tel:+…, separated by commas')
    .optional(),
  SECURITY_POLICY: z
    .string()
    .refine((text) => isContact(text) && text.startsWith('https:'), 'must be an https address')
    .optional(),
  SHOW_SERVER: flag('off'),
  DEMO_SOCKET: z
    .string()
    .optional()
    .refine((path) => path === undefined || isAbsolute(path), 'must be the absolute path of a socket'),
});

export type Settings = z.output<typeof settingsSchema>;
