// A small browser for tests: keeps cookies, speaks the API as the app's own pages do, and may ask any server.

/** An answer, read to its end. */
export interface Answer<T = unknown> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
  /** Which web server answered (`X-Served-By`). */
  readonly server: string | null;
}

export interface User {
  id: string;
  email: string;
  name: string;
  roles: string[];
}

export interface Cart {
  items: Record<string, number>;
}

let counter = 0;

/** Data for a registration that no other test uses. */
export function newPerson(): { email: string; password: string; name: string } {
  const unique = `${process.pid}-${Date.now()}-${counter++}`;
  return { email: `person-${unique}@example.org`, password: `a long passphrase ${unique}`, name: `Person ${counter}` };
}

export class Client {
  readonly cookies = new Map<string, string>();

  /** @param base where requests go unless one names another server, e.g. nginx's address */
  constructor(readonly base: string) {}

  get<T = unknown>(path: string, at = this.base): Promise<Answer<T>> {
    return this.send('GET', path, { at });
  }

  post<T = unknown>(path: string, json?: unknown, at = this.base): Promise<Answer<T>> {
    return this.send('POST', path, { json, at });
  }

  put<T = unknown>(path: string, json?: unknown, at = this.base): Promise<Answer<T>> {
    return this.send('PUT', path, { json, at });
  }

  delete<T = unknown>(path: string, at = this.base): Promise<Answer<T>> {
    return this.send('DELETE', path, { at });
  }

  async send<T = unknown>(
    method: string,
    path: string,
    { json, at = this.base, headers = {}, body }: Sending = {},
  ): Promise<Answer<T>> {
    const response = await fetch(at + path, {
      method,
      redirect: 'manual',
      signal: AbortSignal.timeout(10_000),
      headers: {
        ...(json !== undefined && { 'content-type': 'application/json' }),
        ...(this.cookies.size > 0 && {
          cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; '),
        }),
        ...headers,
      },
      body: json !== undefined ? JSON.stringify(json) : body,
    });
    this.keep(response.headers.getSetCookie());
    const text = await response.text();
    const isJson = /[/+]json/.test(response.headers.get('content-type') ?? '');
    return {
      status: response.status,
      headers: response.headers,
      body: (isJson ? JSON.parse(text) : text) as T,
      server: response.headers.get('x-served-by'),
    };
  }

  /** Registers a new person, which also logs in. */
  async register(at = this.base): Promise<ReturnType<typeof newPerson>> {
    const person = newPerson();
    const { status, body } = await this.post('/api/register', person, at);
    if (status !== 201) throw new Error(`register answered ${status}: ${JSON.stringify(body)}`);
    return person;
  }

  /** The same cookies in another client, as a second tab or a thief has them. */
  copy(): Client {
    const copy = new Client(this.base);
    for (const [name, value] of this.cookies) copy.cookies.set(name, value);
    return copy;
  }

  private keep(setCookies: readonly string[]): void {
    for (const setCookie of setCookies) {
      const [pair = '', ...attributes] = setCookie.split(';');
      const [name = '', value = ''] = pair.split(/=(.*)/s);
      const ended = attributes.some((attribute) => /^\s*max-age=0$/i.test(attribute) || /1970/.test(attribute));
      if (ended) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
  }
}

interface Sending {
  readonly json?: unknown;
  readonly at?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}
