// Responses of light-my-request (`app.inject`), which a program's tests use in the place of a connection.
import { ServerResponse } from 'node:http';

/** What light-my-request keeps at its response, and makes the answer for the test of. */
interface Injection {
  headers: Record<string, string | string[]> | null;
  /** The body, where the test wants it whole. */
  readonly payloadChunks?: Buffer[];
  /** The body, where the test reads it as it comes. */
  readonly stream?: { push(chunk: Buffer): boolean };
}

interface InjectedResponse extends ServerResponse {
  readonly _lightMyRequest: Injection;
  _header: string | null;
  _send: Send;
}

type Send = (data: string | Uint8Array, encoding?: BufferEncoding | null, ...rest: unknown[]) => boolean;
type Call = (this: ServerResponse, ...args: unknown[]) => unknown;

export function isInjected(response: ServerResponse): response is InjectedResponse {
  return '_lightMyRequest' in response;
}

/**
 * By itself such a response is done at `end`, and its answer is what the handler has called. From here on it is done when
 * its last byte has been sent, and its answer is what has been sent: as over a connection.
 */
export function sendAsNode(response: InjectedResponse): void {
  const injection = response._lightMyRequest;
  const node = ServerResponse.prototype as unknown as { writeHead: Call; write: Call; end: Call; _send: Send };
  const body = bodyOf(response);
  Object.assign(response, {
    writeHead: node.writeHead,
    // Nobody would tell a handler when to go on: all that it writes is taken.
    write: (...args: unknown[]) => {
      node.write.apply(response, args);
      return true;
    },
    end: node.end,
    _send: (...chunk: Parameters<Send>) => {
      const [data, encoding] = chunk;
      if (injection.headers === null) tellHead(response);
      body(typeof data === 'string' ? Buffer.from(data, encoding ?? 'utf8') : Buffer.from(data));
      return node._send.apply(response, chunk);
    },
  });
  // Over a connection the server does that.
  response.once('finish', () => response.destroy());
}

/** Shows the head that is sent, to a test that reads the body as it comes at once. */
function tellHead(response: InjectedResponse): void {
  const headers = headersOf(response._header ?? '');
  response._lightMyRequest.headers = headers;
  if (!response._lightMyRequest.stream) return;
  // What makes such an answer is light-my-request's writeHead, which Node refuses for a head that is rendered already.
  const again = Object.create(response, {
    _header: { value: null, writable: true },
    getHeaders: { value: () => headers },
  }) as ServerResponse;
  (Object.getPrototypeOf(response) as ServerResponse).writeHead.call(again, response.statusCode);
}

/** Takes what is sent after the head, for the test. */
function bodyOf(response: InjectedResponse): (bytes: Buffer) => void {
  const { stream, payloadChunks } = response._lightMyRequest;
  const take = (chunk: Buffer) => void (stream ? stream.push(chunk) : payloadChunks?.push(chunk));
  let rest = Buffer.alloc(0);
  return (bytes) => {
    if (!response.chunkedEncoding) return take(bytes);
    rest = Buffer.concat([rest, bytes]);
    for (;;) {
      const lineEnd = rest.indexOf('\r\n');
      const start = lineEnd + 2;
      const end = start + parseInt(rest.toString('latin1', 0, Math.max(lineEnd, 0)), 16);
      // The last one is empty. NaN: its line is not complete.
      if (!(end > start) || rest.length < end + 2) return;
      take(rest.subarray(start, end));
      rest = rest.subarray(end + 2);
    }
  };
}

/** As Node shows the headers of an answer: by their names in lower case, repeated ones as a list. */
function headersOf(head: string): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (const [, name, value] of head.matchAll(/\n([^:\r\n]+):[ \t]*(.*)(?=\r)/g)) {
    const key = name.toLowerCase();
    headers[key] = Object.hasOwn(headers, key) ? [headers[key], value].flat() : value;
  }
  return headers;
}
