// The canonical form of e-mail addresses, so that an account cannot be opened twice by case or accents.

/** Trimmed, lower case, Unicode NFC. */
export function canonicalEmail(text: string): string {
  return text.trim().normalize('NFC').toLowerCase();
}
