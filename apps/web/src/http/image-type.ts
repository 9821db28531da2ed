// Tells the type of a picture by its first bytes: its name and what the client calls it say nothing.

/** Each picture that browsers show and that runs no scripts, with how it begins: text, and `?` for any byte. */
const beginnings = {
  'image/png': ['\x89PNG\r\n\x1a\n'],
  'image/jpeg': ['\xff\xd8\xff'],
  'image/gif': ['GIF87a', 'GIF89a'],
  'image/webp': ['RIFF????WEBP'],
} as const;

export type ImageType = keyof typeof beginnings;

/** Undefined for everything else, SVG included: that is a document, and may hold scripts. */
export function imageTypeOf(content: Buffer): ImageType | undefined {
  const start = content.toString('latin1', 0, 12);
  const types = Object.keys(beginnings) as ImageType[];
  return types.find((type) => beginnings[type].some((beginning) => matches(start, beginning)));
}

function matches(start: string, beginning: string): boolean {
  return start.length >= beginning.length && [...beginning].every((each, at) => each === '?' || each === start[at]);
}
