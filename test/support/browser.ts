// What a browser does between a person and the site, for tests: keeps cookies, says where it comes from, sends JSON.
import { Agent as HttpAgent, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { retryRefused } from './retry-refused.js';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The `Set-Cookie` lines as they came. */
  readonly setCookies: readonly string[];
  /** `X-Served-By`: who answered. */
  readonly server: string | undefined;
  readonly text: string;
  /** The body as it came, encoded as `Content-Encoding` says. */
  readonly bytes: Buffer;
  json<T>(): T;
}

export interface ClientOptions {
  /** Who is trusted on https (PEM), where the certificate is not a public one. */
  readonly ca?: string;
  /** Milliseconds after which a request has failed (default 10 s). */
  readonly timeoutMs?: number;
  /** After which answers a request is sent again when its time has come (default: after none). */
  readonly retryOn?: (answer: Answer) => boolean;
}

/** An object is sent as JSON, `URLSearchParams` as a form, bytes as they are: their type is given in the headers. */
export type Body = object | URLSearchParams | Buffer;

/** One person's browser: one cookie jar over all servers of the site, as browsers have it (ports do not part cookies). */
export class Client {
  readonly cookies = new Map<string, string>();
  private readonly timeoutMs: number;
  private readonly retryOn: ClientOptions['retryOn'];
  private readonly agents: { http: HttpAgent; https: HttpsAgent };

  /** @param origin where paths lead to, like `http://localhost:8080`; a request may also name a whole address. */
  constructor(
    readonly origin: string,
    { ca, timeoutMs = 10_000, retryOn }: ClientOptions = {},
  ) {
    this.timeoutMs = timeoutMs;
    this.retryOn = retryOn;
    this.agents = { http: new HttpAgent({ keepAlive: true }), https: new HttpsAgent({ keepAlive: true, ca }) };
  }

  get(url: string, headers?: Record<string, string>): Promise<Answer> {
    return this.request('GET', url, undefined, headers);
  }
  post(url: string, body: Body = {}, headers?: Record<string, string>): Promise<Answer> {
    return this.request('POST', url, body, headers);
  }
  put(url: string, body: Body = {}, headers?: Record<string, string>): Promise<Answer> {
    return this.request('PUT', url, body, headers);
  }
  delete(url: string, headers?: Record<string, string>): Promise<Answer> {
    return this.request('DELETE', url, undefined, headers);
  }

  /** A second browser with the same cookies: what somebody has who copied them. */
  copy(): Client {
    const ca = this.agents.https.options.ca as string | undefined;
    const copy = new Client(this.origin, { ca, retryOn: this.retryOn });
    for (const [name, value] of this.cookies) copy.cookies.set(name, value);
    return copy;
  }

  /** Closes the idle connections. */
  close(): void {
    this.agents.http.destroy();
    this.agents.https.destroy();
  }

  private request(method: string, to: string, body?: Body, headers: Record<string, string> = {}): Promise<Answer> {
    const send = (more: Record<string, string>) => this.once(method, to, body, { ...more, ...headers });
    return this.retryOn ? retryRefused(send, this.retryOn) : send({});
  }

  /** Redirects are not followed. Rejects when no answer came in time or the connection broke. */
  async once(method: string, to: string, body?: Body, headers: Record<string, string> = {}): Promise<Answer> {
    const response = await this.open(method, to, body, headers);
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    const bytes = Buffer.concat(chunks);
    const text = bytes.toString();
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      setCookies: response.headers['set-cookie'] ?? [],
      server: response.headers['x-served-by'] as string | undefined,
      text,
      bytes,
      json: <T>() => JSON.parse(text) as T,
    };
  }

  /** Resolves when the head of the answer is there and its cookies are kept; the body is left to the caller. */
  open(method: string, to: string, body?: Body, headers: Record<string, string> = {}): Promise<IncomingMessage> {
    const url = new URL(to, this.origin);
    const https = url.protocol === 'https:';
    const cookie = this.cookieHeader(https);
    const options = {
      method,
      agent: https ? this.agents.https : this.agents.http,
      signal: AbortSignal.timeout(this.timeoutMs),
      headers: {
        ...(method !== 'GET' && { Origin: url.origin }),
        ...typeOf(body),
        ...(cookie && { Cookie: cookie }),
        ...headers,
      },
    };
    return new Promise((resolve, reject) => {
      const request = (https ? httpsRequest : httpRequest)(url, options, (response) => {
        for (const line of response.headers['set-cookie'] ?? []) this.keep(line, https);
        resolve(response);
      });
      request.once('error', reject);
      request.end(written(body));
    });
  }

  /** A `__Host-` cookie is always `Secure` (it is refused otherwise), so its name tells where it may go. */
  private cookieHeader(https: boolean): string {
    return [...this.cookies]
      .filter(([name]) => https || !name.startsWith('__Host-'))
      .map(([name, value]) => `${name}=${value}`)
      .join('; ');
  }

  private keep(line: string, https: boolean): void {
    const [pair = '', ...rest] = line.split(';').map((part) => part.trim());
    const at = pair.indexOf('=');
    const [name, value] = [pair.slice(0, at), pair.slice(at + 1)];
    const attributes = new Map(
      rest.map((part): [string, string] => {
        const [key = '', content = ''] = part.split('=');
        return [key.toLowerCase(), content];
      }),
    );
    const secure = attributes.has('secure');
    if (secure && !https) return;
    const forOneHost = secure && attributes.get('path') === '/' && !attributes.has('domain');
    if (name.startsWith('__Host-') && !forOneHost) return;
    const age = attributes.get('max-age');
    const expires = attributes.get('expires');
    const over = age !== undefined ? Number(age) <= 0 : expires !== undefined && Date.parse(expires) <= Date.now();
    if (over) this.cookies.delete(name);
    else this.cookies.set(name, value);
  }
}

function typeOf(body: Body | undefined): Record<string, string> {
  if (body === undefined || Buffer.isBuffer(body)) return {};
  return { 'Content-Type': body instanceof URLSearchParams ? 'application/x-www-form-urlencoded' : 'application/json' };
}

function written(body: Body | undefined): string | Buffer | undefined {
  if (body === undefined || Buffer.isBuffer(body)) return body;
  return body instanceof URLSearchParams ? body.toString() : JSON.stringify(body);
}
