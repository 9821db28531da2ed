// What a session may hold: a value is copied as a store returns it, or refused with its path and its type.
import type { Json, SessionData } from '../port/records.js';
import { SessionUsageError } from './errors.js';
import { isOwnName, ownNameError } from './own-names.js';

/** How deep a value may be nested. The copy recurses, and what reads it later does so too. */
export const MAX_DEPTH = 100;

/** How many values one key may hold: 64 KiB of JSON have no room for more. It bounds what a shared object multiplies. */
export const MAX_VALUES = 32 * 1024;

/** The same for its characters. The codec has the exact limit; this one keeps the copy small. */
const MAX_CHARACTERS = 1024 * 1024;

const ADVICE: ReadonlyMap<string, string> = new Map([
  ['Date', 'store date.toISOString() or date.getTime()'],
  ['Map', 'store Object.fromEntries(map) or [...map]'],
  ['Set', 'store [...set]'],
  ['Buffer', "store buffer.toString('base64')"],
  ['bigint', 'store it as a string'],
  ['undefined', 'store null'],
  ['NaN', 'store null'],
  ['Infinity', 'store null'],
  ['-Infinity', 'store null'],
  ['-0', 'store 0'],
]);

/**
 * The same value as a store returns it, sharing no object with it. A property whose value is undefined is left out.
 * @throws SessionUsageError for what JSON does not return unchanged: the message has its path and its type
 */
export function toJson(key: string, value: unknown): Json | undefined {
  if (isOwnName(key)) throw ownNameError(key);
  if (value === undefined || value === null || typeof value === 'boolean') return value;
  return new JsonCopy(key).of(value);
}

/** Whether a handler's value is still this one; one that cannot be stored is not. */
export function isStill(key: string, value: unknown, json: Json | undefined): boolean {
  try {
    // Most are, and need no copy.
    return sameJson(value, json) || sameJson(toJson(key, value), json);
  } catch {
    return false;
  }
}

/** Whether this is certainly the JSON value `json`, its properties in the same order. */
export function sameJson(value: unknown, json: Json | undefined): boolean {
  if (value === json) return !Object.is(value, -0);
  if (typeof json !== 'object' || json === null) return Object.is(value, json);
  if (typeof value !== 'object' || value === null) return false;
  if (!Array.isArray(json)) {
    if (Array.isArray(value) || !isPlain(value)) return false;
    return Object.getOwnPropertySymbols(value).length === 0 && hasSameProperties(value, json as SessionData);
  }
  const items: readonly Json[] = json;
  if (!isPlainArray(value) || value.length !== items.length || hasExtra(value)) return false;
  for (let index = 0; index < items.length; index++) if (!sameJson(value[index], items[index])) return false;
  return true;
}

/** The same of the enumerable properties that have names, whatever holds them. */
export function hasSameProperties(holder: object, json: SessionData): boolean {
  const names = Object.keys(json);
  const own = Object.keys(holder);
  if (own.length !== names.length) return false;
  for (let index = 0; index < names.length; index++) {
    const name = names[index];
    if (own[index] !== name || !sameJson((holder as SessionData)[name], json[name])) return false;
  }
  return true;
}

class JsonCopy {
  private values = 0;
  private characters = 0;
  private depth = 0;
  /** From the session's key to the value at hand; what is beyond `depth` is left over. */
  private readonly path: (string | number)[] = [];
  private readonly holders: object[] = [];

  constructor(private readonly key: string) {}

  of(value: unknown): Json {
    try {
      return this.copy(value);
    } catch (cause) {
      if (cause instanceof SessionUsageError) throw cause;
      // A getter or a proxy of the handler.
      throw new SessionUsageError(`${this.place()} cannot be read: ${String(cause)}`, { cause });
    }
  }

  private copy(value: unknown): Json {
    this.count();
    if (typeof value === 'string') this.count(value.length);
    if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value;
    if (typeof value === 'number') {
      if (Object.is(value, -0)) this.refuseType('-0', '');
      if (!Number.isFinite(value)) this.refuseType(String(value), '');
      return value;
    }
    if (typeof value !== 'object') return this.refuseType(typeof value, value === undefined ? '' : 'a ');
    if (this.depth >= MAX_DEPTH) this.refuseDepth();
    this.holders[this.depth++] = value;
    const copy = Array.isArray(value) ? this.copyArray(value) : this.copyObject(value);
    this.depth--;
    return copy;
  }

  private copyArray(array: readonly unknown[]): Json {
    if (!isPlainArray(array)) this.refuseHeld(array);
    const copy: Json[] = [];
    for (let index = 0; index < array.length; index++) {
      this.path[this.depth - 1] = index;
      copy.push(this.copy(array[index]));
    }
    // Undefined items have been refused.
    if (hasExtra(array)) this.refuseExtra(array);
    return copy;
  }

  private copyObject(object: object): Json {
    if (!isPlain(object)) this.refuseHeld(object);
    if (Object.getOwnPropertySymbols(object).length > 0) this.refuseExtra(object);
    const copy: Record<string, Json> = {};
    for (const name of Object.keys(object)) {
      this.path[this.depth - 1] = name;
      if (name === '__proto__') this.refuse('would reach an object\'s prototype: rename the key "__proto__".');
      this.count(name.length);
      const value = (object as Record<string, unknown>)[name];
      if (value !== undefined) copy[name] = this.copy(value);
    }
    return copy;
  }

  /** Counts a value, or the characters of a text. */
  private count(characters?: number): void {
    if (characters === undefined) this.values++;
    else this.characters += characters;
    if (this.values <= MAX_VALUES && this.characters <= MAX_CHARACTERS) return;
    this.depth = 0;
    this.refuse(`has more than ${MAX_VALUES} values or ${MAX_CHARACTERS} characters: store less in it.`);
  }

  private refuseHeld(value: object): never {
    this.depth--;
    return this.refuseType(nameOf(value));
  }

  private refuseExtra(value: object): never {
    const extra = Reflect.ownKeys(value).find(
      (key) => typeof key === 'symbol' || (Array.isArray(value) && isName(key)),
    );
    this.depth--;
    return this.refuse(`has the property ${String(extra)}, which JSON leaves out: remove it.`);
  }

  private refuseDepth(): never {
    const first = this.holders.findIndex((holder, depth) => this.holders.indexOf(holder) < depth);
    this.depth = first < 0 ? 0 : first;
    return this.refuse(
      first < 0
        ? `is nested deeper than ${MAX_DEPTH} levels: store less in it.`
        : 'contains itself: remove the circular reference.',
    );
  }

  /** @param name of its type, or of the value itself */
  private refuseType(name: string, article = 'a '): never {
    const advice = ADVICE.get(name) ?? 'store what it is made of';
    return this.refuse(`is ${article}${name}, but a session can hold only JSON values: ${advice}.`);
  }

  private refuse(what: string): never {
    throw new SessionUsageError(`${this.place()} ${what}`);
  }

  private place(): string {
    const steps = this.path
      .slice(0, this.depth)
      .map((step) => (isIdentifier(step) ? `.${step}` : `[${JSON.stringify(step)}]`));
    return `session.${this.key}${steps.join('')}`;
  }
}

/** An object literal's or JSON's, of any realm; or without a prototype, as `querystring.parse` makes them. */
export function isPlain(object: object): boolean {
  const prototype = Object.getPrototypeOf(object) as object | null;
  if (prototype === Object.prototype || prototype === null) return true;
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf');
}

/** Not of a class of its own; of any realm. */
export function isPlainArray(value: object): value is readonly unknown[] {
  return Array.isArray(value) && Array.isArray(Object.getPrototypeOf(value));
}

/** More or less than its items and its length: a property, a symbol or a hole, which the JSON text does not tell. */
export function hasExtra(array: readonly unknown[]): boolean {
  return Reflect.ownKeys(array).length !== array.length + 1;
}

/** The name of its class. */
function nameOf(value: object): string {
  const { constructor } = value as { constructor?: unknown };
  const name = typeof constructor === 'function' ? constructor.name : '';
  return name === '' || name === 'Object' || name === 'Array' ? 'custom object with a prototype of its own' : name;
}

function isName(key: string | symbol): boolean {
  return typeof key === 'string' && key !== 'length' && !/^(0|[1-9]\d*)$/.test(key);
}

function isIdentifier(step: string | number): boolean {
  return typeof step === 'string' && /^[A-Za-z_$][\w$]*$/.test(step);
}
