// The content of an e-mail, and its two forms: plain text and HTML.

export interface Mail {
  readonly subject: string;
  /** No words of a user: the address may be somebody else's. */
  readonly paragraphs: readonly string[];
  /** The link; it comes after the first paragraph. */
  readonly action?: { readonly label: string; readonly url: string };
}

/** An e-mail as it waits in the outbox. */
export interface AddressedMail {
  readonly to: string;
  readonly mail: NamedMail;
}

export interface NamedMail extends Mail {
  /** How the recipient is addressed: `nobody`, or the name that the user has chosen, where the address was confirmed. */
  readonly name: string;
}

/** "Hello there," for an address that nobody has confirmed. */
export const nobody = 'there';

/** The e-mail about several changes of one kind. */
export function withCount({ paragraphs, ...mail }: NamedMail, changes: number): NamedMail {
  const times = changes === 1 ? 'once more' : `${changes} more times`;
  return { ...mail, paragraphs: [...paragraphs, `This has happened ${times} since our last e-mail about it.`] };
}

export function asText({ name, paragraphs: [first = '', ...rest], action }: NamedMail): string {
  const parts = [`Hello ${name},`, first, ...(action ? [`${action.label}:\n${action.url}`] : []), ...rest];
  return `${parts.join('\n\n')}\n`;
}

export function asHtml({ subject, name, paragraphs: [first = '', ...rest], action }: NamedMail): string {
  const paragraph = (text: string) => `<p>${escaped(text)}</p>`;
  const button = action && `<p><a href="${escaped(action.url)}">${escaped(action.label)}</a></p>`;
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${escaped(subject)}</title></head>
<body style="font-family: sans-serif; line-height: 1.5; max-width: 36rem">
${[paragraph(`Hello ${name},`), paragraph(first), ...(button ? [button] : []), ...rest.map(paragraph)].join('\n')}
</body>
</html>
`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
