// A user's browser, as far as the walk needs one: keeps the site's cookies and sends them to whichever server answers.

export interface Answer {
  /** 0 when there was no answer at all. */
  readonly status: number;
  /** Which server answered, as it says itself. */
  readonly server: string | undefined;
  readonly body: unknown;
  readonly ms: number;
}

/** Longer than the site's own time budget: what takes longer than this is a failure of the site. */
const TIMEOUT_MS = 10_000;

export class Browser {
  private readonly cookies = new Map<string, string>();

  /** A second browser with the same cookies. */
  copy(): Browser {
    const copy = new Browser();
    for (const [name, value] of this.cookies) copy.cookies.set(name, value);
    return copy;
  }

  /** Never throws: a request without an answer has status 0. */
  async request(method: string, url: string, body?: object): Promise<Answer> {
    const start = performance.now();
    const elapsed = () => Math.round((performance.now() - start) * 10) / 10;
    try {
      const response = await fetch(url, {
        method,
        redirect: 'manual',
        signal: AbortSignal.timeout(TIMEOUT_MS),
        headers: {
          accept: 'application/json',
          ...(body ? { 'content-type': 'application/json' } : {}),
          ...(this.cookies.size > 0
            ? { cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ') }
            : {}),
        },
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
      for (const line of response.headers.getSetCookie()) this.store(line);
      const text = await response.text();
      const server = response.headers.get('x-served-by') ?? undefined;
      return { status: response.status, server, body: parseJson(text), ms: elapsed() };
    } catch {
      return { status: 0, server: undefined, body: undefined, ms: elapsed() };
    }
  }

  /** All cookies of the site are for Path=/, and cookies do not care about ports. */
  private store(line: string): void {
    const [pair = '', ...attributes] = line.split(';');
    const at = pair.indexOf('=');
    const name = pair.slice(0, at).trim();
    const ended = attributes.some((attribute) => {
      const [key = '', value = ''] = attribute.trim().split(/=(.*)/s);
      if (key.toLowerCase() === 'max-age') return Number(value) <= 0;
      return key.toLowerCase() === 'expires' && Date.parse(value) <= Date.now();
    });
    if (ended) this.cookies.delete(name);
    else this.cookies.set(name, pair.slice(at + 1).trim());
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
