// The types of values that settings have: ports, durations, flags, lists, addresses, secrets.
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { z } from 'zod';

const minSecretLength = 32;
const exampleSecret =
  /change.?me|example|keyboard.?cat|your.?secret|replace.?(me|this)|insecure|default.?secret|0123456789|abcdefghij/i;

export const port = (fallback: number) =>
  z
    .string()
    .default(String(fallback))
    .refine((text) => /^\d+$/.test(text) && Number(text) <= 65_535, 'must be a port number (0 to 65535)')
    .transform(Number);

export const seconds = (fallback: number) =>
  z
    .string()
    .default(String(fallback))
    .refine((text) => /^[1-9]\d{0,8}$/.test(text), 'must be a whole number of seconds, at least 1')
    .transform((text) => Number(text) * 1_000);

export const count = (fallback: number) =>
  z
    .string()
    .default(String(fallback))
    .refine((text) => /^[1-9]\d{0,8}$/.test(text), 'must be a whole number, at least 1')
    .transform(Number);

export const list = z.string().transform((text) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
);

export const flag = (fallback: 'on' | 'off') =>
  z
    .string()
    .default(fallback)
    .transform((text) => text.toLowerCase())
    .refine((text) => /^(on|off|true|false|1|0|yes|no)$/.test(text), 'must be on or off')
    .transform((text) => /^(on|true|1|yes)$/.test(text));

export function isCertificate(text: string): boolean {
  try {
    return new X509Certificate(text).ca;
  } catch {
    return false;
  }
}

export function oneOf<T extends string>(values: readonly T[]) {
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

export function isHost(text: string): boolean {
  return /^[\w.-]+$/.test(text) || isIP(text) !== 0;
}

/** `host:port`, with an IPv6 address in brackets. */
export function hostAndPort(text: string): { host: string; port: number } | undefined {
  const [, v6, name, port] = /^(?:\[([\da-f:.]+)\]|([\w.-]+)):(\d{1,5})$/i.exec(text) ?? [];
  const host = v6 ?? name;
  return host !== undefined && Number(port) <= 65_535 ? { host, port: Number(port) } : undefined;
}

export function secretFault(secret: string): string | undefined {
  if (secret.length < minSecretLength)
    return `is shorter than ${minSecretLength} characters; make one with: openssl rand -base64 48`;
  if (exampleSecret.test(secret) || new Set(secret).size < 10) {
    return 'is a known example or easily guessed; make one with: openssl rand -base64 48';
  }
  return undefined;
}

/** Checks for a web address with such a path and nothing after it. */
export function isWebUrl(path: RegExp): (text: string) => boolean {
  return (text) => {
    if (!URL.canParse(text)) return false;
    const url = new URL(text);
    return /^https?:$/.test(url.protocol) && path.test(url.pathname) && !url.search && !url.hash && !url.username;
  };
}

/** Checks for a way to report a vulnerability (RFC 9116, section 2.5.3): on the web by https only. */
export function isContact(text: string): boolean {
  return (
    /^(mailto:[^\s@,]+@[^\s@,]+|tel:\+[\d.()-]+)$/.test(text) || (/^https:\/\/\S+$/.test(text) && URL.canParse(text))
  );
}

export function isMysqlUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return url.protocol === 'mysql:' && url.hostname !== '' && url.username !== '' && url.pathname.length > 1;
}

export function isProxyAddress(text: string): boolean {
  if (/^(loopback|linklocal|uniquelocal)$/.test(text)) return true;
  const [address = '', prefix, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128));
}
