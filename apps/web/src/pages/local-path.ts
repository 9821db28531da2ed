// Where to go after signing in: only ever within this site.

/** The path if it is one of this site's, else `/account`. Never leads elsewhere (CWE-601). */
export function localPath(text: unknown): string {
  const fallback = '/account';
  if (typeof text !== 'string' || !/^\/(?![/\\])[\x21-\x7e]*$/.test(text) || text.includes('\\')) return fallback;
  const site = 'http://site.invalid';
  if (!URL.canParse(text, site)) return fallback;
  const url = new URL(text, site);
  // Dots in the path may have made a second slash at its start.
  if (url.origin !== site || url.pathname.startsWith('//')) return fallback;
  return url.pathname + url.search;
}
