// One spelling for each e-mail address, so that an account cannot be opened twice by case or by accents.

/** Trimmed, lower case, Unicode NFC. */
export function canonicalEmail(text: string): string {
  return text.trim().normalize('NFC').toLowerCase();
}
