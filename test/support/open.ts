// What stays open between a browser and the site: sockets, and events that the server sends.
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import type { Client } from './browser.js';
import { until } from './until.js';

export interface From {
  /** A server's address; default: the client's own. */
  readonly at?: string;
  /** The client's address: one of the machine's own. */
  readonly from?: string;
  readonly origin?: string;
  readonly path?: string;
}

const open = new Set<{ leave(): void }>();

/** Leaves all that a test has opened. */
export function closeAll(): void {
  for (const each of open) each.leave();
  open.clear();
}

const cookieOf = (client: Client) => [...client.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
/** Addresses of the machine's own are IPv4. */
const addressOf = (url: string, path: string) => new URL(path, url.replace('localhost', '127.0.0.1')).href;

/** The answer with its head, whose body comes bit by bit. */
export async function openEvents(
  client: Client,
  { at = client.origin, from = '127.0.0.1' }: From = {},
): Promise<IncomingMessage> {
  const options = { headers: { cookie: cookieOf(client) }, localAddress: from, agent: false };
  const [response] = (await once(get(addressOf(at, '/api/test/events'), options), 'response')) as [IncomingMessage];
  response.on('error', () => undefined).resume();
  const stream = { leave: () => response.destroy() };
  open.add(stream);
  response.once('close', () => open.delete(stream));
  return response;
}

interface Message {
  readonly ip?: string;
  readonly server?: string;
  readonly hasUser?: boolean;
  readonly count?: number;
  readonly ended?: boolean;
}

/** A browser's socket to the gateway of `socket-handlers.mjs`, with what has come over it. */
export class Socket {
  readonly messages: Message[] = [];
  code: number | undefined;
  /** Of an answer that is no socket. */
  status: number | undefined;
  private readonly socket: WebSocket;

  constructor(
    client: Client,
    {
      at = client.origin,
      from = '127.0.0.1',
      origin = new URL(client.origin).origin,
      path = '/api/test/socket',
    }: From = {},
  ) {
    const headers = { cookie: cookieOf(client), origin };
    const url = addressOf(at, path).replace('http', 'ws');
    this.socket = new WebSocket(url, { headers, localAddress: from, family: 4, perMessageDeflate: false });
    this.socket.on('message', (data: Buffer) => this.messages.push(JSON.parse(data.toString()) as Message));
    this.socket.on('close', (code) => this.left(code));
    this.socket.on('unexpected-response', (_request, { statusCode }) => (this.status = statusCode));
    this.socket.on('error', () => undefined);
    open.add(this);
  }

  static async opened(client: Client, options?: From): Promise<Socket> {
    const socket = new Socket(client, options);
    await until('the greeting', async () => socket.messages.length > 0);
    return socket;
  }

  get greeting(): Message {
    return this.messages[0];
  }

  async count(): Promise<number> {
    const before = this.messages.length;
    this.socket.send('{"event":"count"}');
    await until('an answer', async () => this.messages.length > before);
    return this.messages.at(-1)!.count!;
  }

  leave(): void {
    this.socket.terminate();
  }

  async closed(): Promise<number> {
    await until('the end of the socket', async () => this.code !== undefined);
    return this.code!;
  }

  private left(code: number): void {
    this.code ??= code;
    open.delete(this);
  }
}
