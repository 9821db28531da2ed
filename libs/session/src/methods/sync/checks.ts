// Small checks of everything that comes in: only the exact form passes.
import { MalformedError } from './framed-socket.js';

export type Fields = Record<string, unknown>;

export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An object with exactly these fields, of which each is what it must be. */
export function has(value: unknown, checks: Readonly<Record<string, (field: unknown) => boolean>>): boolean {
  if (!isObject(value)) return false;
  const names = Object.keys(value);
  return (
    names.length === Object.keys(checks).length &&
    names.every((name) => Object.hasOwn(checks, name) && checks[name](value[name]))
  );
}

export function mapOf(key: RegExp, check: (value: unknown) => boolean) {
  return (value: unknown) => isObject(value) && Object.entries(value).every(([k, v]) => key.test(k) && check(v));
}

export function listOf(check: (value: unknown) => boolean, max = Infinity) {
  return (value: unknown) => Array.isArray(value) && value.length <= max && value.every(check);
}

export const text = (pattern: RegExp) => (value: unknown) => typeof value === 'string' && pattern.test(value);
export const isText = (value: unknown): value is string => typeof value === 'string';
export const isBoolean = (value: unknown) => typeof value === 'boolean';
export const isTime = (value: unknown) => Number.isFinite(value) && (value as number) >= 0;
export const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;

/** @throws MalformedError when it is not right */
export function checked<T>(what: string, value: unknown, isRight: boolean): T {
  if (!isRight) throw new MalformedError(`The peer sent something other than ${what}.`);
  return value as T;
}
