// The names at which `req.session` has its own methods and values: no key of its content may have one of them.
import type { SessionData } from '../port/records.js';
import { SessionUsageError } from './errors.js';

/** Of `Session`. */
export const OWN_NAMES = [
  'id',
  'cookie',
  'info',
  'bind',
  'regenerate',
  'destroy',
  'reload',
  'save',
  'update',
  'touch',
  'constructor',
  '__proto__',
] as const;

const REFUSED: ReadonlySet<string> = new Set([...OWN_NAMES, 'prototype']);

export function isOwnName(key: string): boolean {
  return REFUSED.has(key);
}

/** For content that was written before these names were refused. */
export function withoutOwnNames(data: SessionData): SessionData {
  if (!Object.keys(data).some(isOwnName)) return data;
  return Object.fromEntries(Object.entries(data).filter(([key]) => !isOwnName(key)));
}

export function ownNameError(key: string): SessionUsageError {
  return new SessionUsageError(
    `A session cannot have a key named "${key}", which is a name of its own: choose another name.`,
  );
}
