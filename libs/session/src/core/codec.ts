// A session's content as the string that a store keeps: JSON with a schema version, and nothing that is not JSON.
import { SessionTooLargeError } from './errors.js';
import type { Json, SessionData } from '../port/records.js';
import type { Expiry } from './lifetime.js';

/** Turns the content of the schema version that it stands at into that of the next. */
export type Upcaster = (data: SessionData) => SessionData;

/** A decoded payload. */
export interface Content {
  readonly data: SessionData;
  /** "Keep me signed in": which pair of limits holds. */
  readonly remember: boolean;
  /** The schema version that it was written with. */
  readonly schema: number;
  /** Where it ends earlier than by the site's limits. */
  readonly expiry?: Expiry | undefined;
}

/** What of a payload is known before its content is decoded. */
export interface Frame extends Omit<Content, 'data'> {
  /** Where the JSON text of the content begins, in its current shape; one character follows it. Undefined: not known. */
  readonly contentAt?: number;
}

/** The largest payload, in bytes. */
const PAYLOAD_BYTES = 64 * 1024;
/** What a payload has beside the content at most: a schema version of five digits, and an end of its own. */
const FRAME_BYTES = 80;
/** How many bytes of JSON every session may hold that is not in the token. */
export const CONTENT_BYTES = PAYLOAD_BYTES - FRAME_BYTES;

/** What `endIn` reads: an end always stands here, since `encode` alone writes it. */
const END = /^\{"v":\d+,"r":[01],"e":(\d+)/;
/** What `encode` writes before the content. */
const FRAME = /^\{"v":(\d{1,5}),"r":([01]),(?:"e":(\d{1,15}),"m":(?:(\d{1,15})|null),)?"d":\{/;

/**
 * Encodes and decodes payloads. `upcasters[n]` lifts schema version n+1 to n+2, so the current version is their number
 * plus one. A payload of a later version, written by a server that is already upgraded, is read as it is and keeps its
 * version, so that a rolling deploy logs nobody out.
 */
export class Codec {
  readonly schema: number;

  constructor(
    private readonly upcasters: readonly Upcaster[] = [],
    private readonly maxBytes = PAYLOAD_BYTES,
  ) {
    this.schema = upcasters.length + 1;
  }

  /**
   * @param before the payload that this one replaces. Joined by a store, it may be too large: what makes it smaller is taken
   * @throws SessionTooLargeError when the content is too large; the message names the biggest keys.
   */
  encode({ data, remember, schema, expiry }: Content, before = ''): string {
    const limit = expiry && { e: expiry.endsAt, m: expiry.maxAge };
    const payload = JSON.stringify({ v: schema, r: remember ? 1 : 0, ...limit, d: data });
    // A UTF-16 unit takes at most three bytes: most payloads need no exact count.
    if (payload.length * 3 <= this.maxBytes) return payload;
    const bytes = Buffer.byteLength(payload);
    if (bytes > this.maxBytes && bytes >= Buffer.byteLength(before))
      throw new SessionTooLargeError(
        `The session would take ${bytes} bytes; the limit is ${this.maxBytes}. ` +
          `Store less in it. The biggest keys: ${biggestKeys(data)}`,
        bytes,
        this.maxBytes,
      );
    return payload;
  }

  /** What stands beside the content; undefined where the content must be decoded to tell whether it can be. */
  frameOf(payload: string): Frame | undefined {
    const [frame, version, remember, endsAt, maxAge] = FRAME.exec(payload) ?? [];
    const schema = Number(version);
    if (frame === undefined || schema < this.schema) return undefined;
    const expiry =
      endsAt === undefined ? undefined : { endsAt: Number(endsAt), maxAge: maxAge ? Number(maxAge) : null };
    // The frame's last character is the content's first.
    return { remember: remember === '1', schema, expiry, contentAt: frame.length - 1 };
  }

  /** The content in the current shape, or undefined when the payload is damaged. */
  decode(payload: string): Content | undefined {
    let parsed: unknown;
    try {
      parsed = JSON.parse(payload);
    } catch {
      return undefined;
    }
    if (!isObject(parsed) || !isObject(parsed.d) || !Number.isInteger(parsed.v)) return undefined;
    // JSON.parse makes an own property of "__proto__"; it must not travel on.
    if (payload.includes('"__proto__"') && hasRefusedKey(parsed.d)) return undefined;
    const written = parsed.v as number;
    let data = parsed.d as SessionData;
    for (let version = written; version < this.schema; version++) data = this.upcasters[version - 1](data);
    const expiry = expiryOf(parsed);
    return { data, remember: parsed.r === 1, schema: Math.max(written, this.schema), ...(expiry && { expiry }) };
  }
}

/** The end that is stored with the content, without decoding that; Infinity where there is none. */
export function endIn(payload: string): number {
  const end = END.exec(payload)?.[1];
  return end === undefined ? Infinity : Number(end);
}

function expiryOf({ e, m }: Record<string, Json>): Expiry | undefined {
  return typeof e === 'number' ? { endsAt: e, maxAge: typeof m === 'number' ? m : null } : undefined;
}

function hasRefusedKey(value: Json): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([key, child]) => key === '__proto__' || hasRefusedKey(child));
}

/** For the message of an error: the three biggest, with their sizes. */
export function biggestKeys(data: SessionData): string {
  return Object.entries(data)
    .map(([key, value]): [string, number] => [key, Buffer.byteLength(JSON.stringify(value))])
    .sort((a, b) => b[1] - a[1])
    .slice(0, 3)
    .map(([key, bytes]) => `${key} (${bytes} bytes)`)
    .join(', ');
}

function isObject(value: unknown): value is Record<string, Json> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
