// The keeper's settings, read from the environment once.
import { readFileSync } from 'node:fs';
import type { ClusterAccounts } from '../accounts.js';
import type { GroupOptions } from '../keeper.js';
import type { GroupNode } from '../node.js';

/** Thrown with all faults of the settings at once. */
export class GroupSettingsError extends Error {
  readonly code = 'group_settings';
  constructor(readonly faults: readonly string[]) {
    super(`The settings of the group keeper are invalid:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
    this.name = 'GroupSettingsError';
  }
}

/** With fewer a node would be back at a port where the others still look for it: see `GroupNode`. */
const MIN_GROUP_PORTS = 3;

type Environment = Readonly<Record<string, string | undefined>>;

/** See the list at the top of `main.ts`. Throws `GroupSettingsError`. */
export function readSettings(env: Environment = process.env): GroupOptions {
  const faults: string[] = [];
  const required = (name: string, value: string | undefined): string => {
    if (value === undefined || value === '') faults.push(`${name} is not set`);
    return value ?? '';
  };
  const secret = (name: string): string | undefined => {
    const file = env[`${name}_FILE`];
    if (file === undefined || file === '') return env[name];
    try {
      return readFileSync(file, 'utf8').trim();
    } catch (error) {
      faults.push(`${name}_FILE: ${(error as Error).message}`);
      return 'unreadable';
    }
  };

  const groupPorts = (env.GROUP_PORTS ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(Number);
  const arePorts = groupPorts.every((port) => Number.isInteger(port) && port >= 1 && port <= 65_535);
  if (groupPorts.length > 0 && (groupPorts.length < MIN_GROUP_PORTS || !arePorts))
    faults.push(`GROUP_PORTS: "${env.GROUP_PORTS}" must be three or more ports, separated by commas`);
  const nodes: GroupNode[] = [];
  for (const part of required('GROUP_NODES', env.GROUP_NODES).split(',')) {
    const text = part.trim();
    if (text === '') continue;
    const [, host, port = '3306'] = /^([^:\s]+)(?::(\d{1,5}))?$/.exec(text) ?? [];
    if (host === undefined || Number(port) < 1 || Number(port) > 65_535)
      faults.push(`GROUP_NODES: "${text}" must have the form host:port`);
    else nodes.push({ name: text, host, port: Number(port), ...(groupPorts.length > 0 && { groupPorts }) });
  }
  const ca = secret('GROUP_CA');
  const admin = {
    user: env.GROUP_USER ?? 'root',
    password: required('GROUP_PASSWORD or GROUP_PASSWORD_FILE', secret('GROUP_PASSWORD')),
    ...(ca && { ca }),
  };
  const accounts = accountsOf(env, required, secret, faults);
  const createAccounts = env.GROUP_CREATE_ACCOUNTS ?? 'on';
  if (!/^(on|off)$/.test(createAccounts)) faults.push('GROUP_CREATE_ACCOUNTS must be on or off');
  if (faults.length > 0) throw new GroupSettingsError(faults);
  return { nodes, admin, accounts, createAccounts: createAccounts === 'on' };
}

function accountsOf(
  env: Environment,
  required: (name: string, value: string | undefined) => string,
  secret: (name: string) => string | undefined,
  faults: string[],
): ClusterAccounts {
  const replication = {
    user: env.REPLICATION_USER ?? 'replication',
    password: required('REPLICATION_PASSWORD or REPLICATION_PASSWORD_FILE', secret('REPLICATION_PASSWORD')),
  };
  const app =
    env.APP_USER === undefined || env.APP_USER === ''
      ? undefined
      : {
          user: env.APP_USER,
          password: required('APP_PASSWORD or APP_PASSWORD_FILE', secret('APP_PASSWORD')),
          database: env.APP_DATABASE ?? 'roam',
        };
  const migrations =
    env.MIGRATION_USER === undefined || env.MIGRATION_USER === ''
      ? undefined
      : {
          user: env.MIGRATION_USER,
          password: required('MIGRATION_PASSWORD or MIGRATION_PASSWORD_FILE', secret('MIGRATION_PASSWORD')),
        };
  if (migrations && !app) faults.push('MIGRATION_USER needs APP_USER, whose database it changes');
  return { replication, ...(app && { app }), ...(migrations && { migrations }) };
}
