// What a response tells caches, where it was made from a session or sets its cookie.
import type { MergedHeader } from './head.js';

/** What only a cache for everybody heeds. */
const FOR_EVERYBODY = /^(public|s-maxage|proxy-revalidate)\b/i;

/**
 * A cache that kept such an answer would hand one person's session to another (RFC 9111, section 7.3). The handler may say
 * how long the browser keeps it, but not that others keep it.
 */
export const NOT_PUBLIC: MergedHeader = {
  name: 'Cache-Control',
  merge: (own) => {
    if (own === undefined) return 'private, no-store';
    const directives = own.split(',').map((directive) => directive.trim());
    const isPublic = directives.some((directive) => FOR_EVERYBODY.test(directive));
    // `private="a field"` lets others keep the rest.
    if (!isPublic && directives.some((directive) => /^(private|no-store)$/i.test(directive))) return undefined;
    const kept = directives.filter((directive) => directive !== '' && !/^private$/i.test(directive));
    return ['private', ...kept.filter((directive) => !FOR_EVERYBODY.test(directive))].join(', ');
  },
};

/** What only content delivery networks heed, and before `Cache-Control` (RFC 9213): such an answer is not for them. */
export const NOT_FOR_NETWORKS: MergedHeader = {
  name: '(?:[a-z0-9-]+-)?(?:CDN-Cache-Control|Surrogate-Control)',
  merge: (own) => (own === undefined ? undefined : null),
};

/** A cache must not give the answer for one cookie to a request with another (RFC 9110, section 12.5.5). */
export const VARY_COOKIE: MergedHeader = {
  name: 'Vary',
  merge: (own) => {
    if (!own) return 'Cookie';
    return own.split(',').some((field) => /^(cookie|\*)$/i.test(field.trim())) ? undefined : `${own}, Cookie`;
  },
};
