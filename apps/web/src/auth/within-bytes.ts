// Bounds text from a request that is kept in the session.

/** The beginning of the text that takes at most so many bytes as a JSON string. */
export function withinBytes(text: string, bytes: number): string {
  let kept = text.slice(0, bytes);
  while (Buffer.byteLength(JSON.stringify(kept)) - 2 > bytes) kept = kept.slice(0, -1);
  return kept;
}
