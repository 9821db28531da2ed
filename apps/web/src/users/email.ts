// The canonical form of e-mail addresses: one mailbox is one account, however its address is written.
import { domainToASCII, domainToUnicode } from 'node:url';

/** Trimmed, lower case, Unicode NFC: how accounts of earlier releases are stored. */
export function foldedEmail(text: string): string {
  return text.trim().normalize('NFC').toLowerCase();
}

/**
 * The address under which an account is opened. The part before the @ follows the profile `UsernameCaseMapped` of PRECIS (RFC 8265,
 * 3.3), with all compatible characters mapped and not only wide ones; the domain follows UTS 46 and is shown in Unicode. What is no
 * address comes back folded only: `emailFault` refuses it.
 */
export function canonicalEmail(text: string): string {
  const [local, domain] = partsOf(text);
  const plain = domain === undefined ? undefined : canonicalDomain(domain);
  if (local === undefined || plain === undefined) return foldedEmail(text);
  return `${stable(local, (part) => part.normalize('NFKC').toLowerCase())}@${plain}`;
}

/** What is wrong with the canonical form of a new address, in words. */
export function emailFault(canonical: string): string | undefined {
  const [local = '', domain = ''] = partsOf(canonical);
  const ascii = domainToASCII(domain);
  if (canonical.length > 254 || local.length + 1 + ascii.length > 254)
    return 'Enter an e-mail address of at most 254 characters.';
  const isDomain = canonicalDomain(domain) === domain && ascii.split('.').every((label) => /^[^.]{1,63}$/.test(label));
  const isAddress = /^[^\s@"<>]{1,64}$/u.test(local) && isDomain && isHostName(ascii);
  if (!isAddress) return 'Enter an e-mail address like name@example.org.';
  return invisible.test(local) ? 'The e-mail address contains characters that cannot be shown.' : undefined;
}

/**
 * The stored addresses that this one may mean, the best first. The very address comes first: an account of an earlier release is
 * signed in to by the address that it was opened with, whatever its canonical form is.
 */
export function storedForms(text: string): readonly string[] {
  return [...new Set([foldedEmail(text), canonicalEmail(text)])];
}

/**
 * What PRECIS allows in no string (RFC 8264, 4.3.2): controls, format and bidi characters, surrogates, what Unicode has not assigned,
 * what has no width, and separators other than spaces.
 */
export const invisible = /[\p{C}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}]/u;

/** Applied until nothing changes (RFC 8264, 7: at most a few times). */
export function stable(text: string, map: (text: string) => string): string {
  for (let round = 0; round < 4; round += 1) {
    const mapped = map(text);
    if (mapped === text) return text;
    text = mapped;
  }
  return text;
}

function partsOf(text: string): [string?, string?] {
  const trimmed = text.trim();
  const at = trimmed.lastIndexOf('@');
  return at < 0 ? [] : [trimmed.slice(0, at), trimmed.slice(at + 1)];
}

/** Characters that end a host name in the URL that Node reads it from, or mean something else in it. */
const notInDomain = /[\s\p{Cc}"#%/:<>?@[\\\]^`{|}]/u;

/** UTS 46, as browsers apply it: not transitional, for look-up. Undefined where it is no domain. */
function canonicalDomain(domain: string): string | undefined {
  if (domain === '' || notInDomain.test(domain)) return undefined;
  const ascii = domainToASCII(domain);
  if (ascii === '') return undefined;
  const unicode = domainToUnicode(ascii);
  return domainToASCII(unicode) === ascii ? unicode : ascii;
}

/** At least two labels, and no IP address: those end with a number. */
function isHostName(ascii: string): boolean {
  return /\./.test(ascii) && !/(^|\.)(\d+|0x[\da-f]*)$/.test(ascii);
}
