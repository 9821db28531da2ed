// A moment on a page: in UTC, until the script of all pages shows it in the browser's zone and language.

/** What is shown of a moment. `times.js` knows the same ones. */
export type Precision = 'day' | 'minute' | 'second';

const lengths: Readonly<Record<Precision, number>> = { day: 10, minute: 16, second: 19 };

/**
 * A `<time>` element, as HTML for `<%~ %>`; `it.time` of the templates.
 * @param at a `Date`, milliseconds since 1970, or ISO 8601 with a zone
 * @example <%~ it.time(note.createdAt, 'day') %>
 */
export function timeTag(at: Date | number | string, precision: Precision = 'minute'): string {
  const iso = new Date(at).toISOString();
  const shown = iso.slice(0, lengths[precision]).replace('T', ' ');
  const zone = precision === 'day' ? '' : ' UTC';
  return `<time datetime="${iso}" data-precision="${precision}">${shown}${zone}</time>`;
}
