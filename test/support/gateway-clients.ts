// Clients of the sample of gateways, which connect again as those in a browser do.
import { io, type Socket } from 'socket.io-client';
import { WebSocket } from 'ws';
import { until } from './until.js';

const RECONNECT_MS = { min: 100, max: 500 };

/** What a client has seen, whichever library it uses. */
export interface GatewayClient {
  /** The server and user of each connection that was let in. */
  readonly welcomes: { readonly user: string; readonly server: string }[];
  /** The codes with which connections were closed; the last one may be of a refused one. */
  readonly closes: number[];
  ask(event: string): Promise<unknown>;
  /** Ends it: it does not connect again. */
  close(): void;
}

export interface ClientOptions {
  readonly cookie?: string;
  readonly origin?: string;
  /** Sent as soon as the connection is open, before the server can have looked at the session. */
  readonly asksAtOnce?: string;
}

export type Library = 'ws' | 'socket.io';

export function connect(library: Library, url: string, options: ClientOptions): GatewayClient {
  return library === 'ws' ? new WsClient(url, options) : new IoClient(url, options);
}

function headersOf({ cookie, origin }: ClientOptions): Record<string, string> {
  return { ...(cookie !== undefined && { cookie }), ...(origin !== undefined && { origin }) };
}

class WsClient implements GatewayClient {
  readonly welcomes: GatewayClient['welcomes'] = [];
  readonly closes: number[] = [];
  private readonly answers: unknown[] = [];
  private socket!: WebSocket;
  private isOver = false;

  constructor(
    private readonly url: string,
    private readonly options: ClientOptions,
  ) {
    this.open();
  }

  async ask(event: string): Promise<unknown> {
    await until('an open socket', async () => this.socket.readyState === WebSocket.OPEN);
    const before = this.answers.length;
    this.socket.send(JSON.stringify({ event }));
    await until(`the answer to ${event}`, async () => this.answers.length > before);
    return this.answers.at(-1);
  }

  close(): void {
    this.isOver = true;
    this.socket.terminate();
  }

  private open(): void {
    const { asksAtOnce } = this.options;
    this.socket = new WebSocket(`${this.url.replace('http', 'ws')}/sockets/ws`, { headers: headersOf(this.options) });
    this.socket.on('error', () => undefined);
    if (asksAtOnce !== undefined) this.socket.on('open', () => this.socket.send(JSON.stringify({ event: asksAtOnce })));
    this.socket.on('message', (text: Buffer) => {
      const { event, data } = JSON.parse(text.toString()) as { event: string; data: never };
      if (event === 'welcome') this.welcomes.push(data);
      else this.answers.push(event === 'exception' ? { exception: data } : data);
    });
    this.socket.on('close', (code) => {
      this.closes.push(code);
      // Signed out: connecting again would not help.
      if (code === 1008 || this.isOver) return;
      const { min, max } = RECONNECT_MS;
      setTimeout(() => this.isOver || this.open(), min + Math.random() * (max - min));
    });
  }
}

class IoClient implements GatewayClient {
  readonly welcomes: GatewayClient['welcomes'] = [];
  readonly closes: number[] = [];
  private readonly answers: unknown[] = [];
  private readonly socket: Socket;

  constructor(url: string, options: ClientOptions) {
    this.socket = io(url, {
      path: '/sockets/io',
      transports: ['websocket'],
      forceNew: true,
      extraHeaders: headersOf(options),
      reconnectionDelay: RECONNECT_MS.min,
      reconnectionDelayMax: RECONNECT_MS.max,
    });
    this.socket.on('welcome', (data: { user: string; server: string }) => this.welcomes.push(data));
    for (const event of ['noted', 'pinned', 'content']) this.socket.on(event, (data) => this.answers.push(data));
    this.socket.on('exception', (data) => this.answers.push({ exception: data as unknown }));
    this.socket.on('disconnect', (_reason, details) => {
      const { context } = (details ?? {}) as { context?: { code?: number } };
      if (context?.code !== undefined) this.closes.push(context.code);
    });
    this.socket.on('connect_error', (error: Error & { data?: { code: number } }) => {
      if (error.data) this.closes.push(error.data.code);
    });
    if (options.asksAtOnce !== undefined) this.socket.emit(options.asksAtOnce);
  }

  async ask(event: string): Promise<unknown> {
    const before = this.answers.length;
    this.socket.emit(event);
    await until(`the answer to ${event}`, async () => this.answers.length > before);
    return this.answers.at(-1);
  }

  close(): void {
    this.socket.disconnect();
  }
}

/** Resolves with the code of the next close of a client. */
export async function nextClose(client: GatewayClient): Promise<number> {
  const before = client.closes.length;
  await until('the close of a socket', async () => client.closes.length > before);
  return client.closes[before];
}
