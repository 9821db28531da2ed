// The address to go to after signing in: only within this site.

/** Longer paths come from nobody's page. */
const maxLength = 2_000;

/** The path if it belongs to this site, else `/account`. Never leads to another site (CWE-601). */
export function localPath(text: unknown): string {
  const fallback = '/account';
  if (
    typeof text !== 'string' ||
    text.length > maxLength ||
    !/^\/(?![/\\])[\x21-\x7e]*$/.test(text) ||
    text.includes('\\')
  )
    return fallback;
  const site = 'http://site.invalid';
  if (!URL.canParse(text, site)) return fallback;
  const url = new URL(text, site);
  // Dots in the path may have made a second slash at its start.
  if (url.origin !== site || url.pathname.startsWith('//')) return fallback;
  return url.pathname + url.search;
}
