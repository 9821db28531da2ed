// A TCP proxy that stands for the network between two programs: it can be cut, slowed down, and refuse.
import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Link } from '../types.js';
import { Connection, type LinkState } from './connection.js';

export interface LinkOptions {
  /** Where the link leads. */
  readonly host: string;
  readonly port: number;
  /** The port on 127.0.0.1 where it begins (default: a free one). */
  readonly listen?: number;
}

/** Opens a link; it carries everything until it is told otherwise, and ends with this process. */
export async function openLink({ host, port, listen = 0 }: LinkOptions): Promise<Link> {
  const link = new TcpLink(() => connect({ host, port, allowHalfOpen: true, noDelay: true }));
  await link.listen(listen);
  return link;
}

class TcpLink implements Link {
  port = 0;
  private readonly state: LinkState = { isCut: false, oneWayMs: 0 };
  private readonly connections = new Set<Connection>();
  /** Dialled during a cut: nobody has answered them. */
  private readonly unanswered = new Set<Socket>();
  private readonly server: Server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true });

  constructor(private readonly dial: () => Socket) {
    this.server.on('connection', (client) => this.accept(client));
  }

  async listen(port: number): Promise<void> {
    this.server.listen(port, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = (this.server.address() as AddressInfo).port;
  }

  cut(): void {
    this.state.isCut = true;
  }

  delay(ms: number): void {
    this.state.oneWayMs = ms / 2;
  }

  async refuse(): Promise<void> {
    if (!this.server.listening) return;
    const closed = once(this.server, 'close');
    this.server.close();
    this.reset();
    await closed;
  }

  async heal(): Promise<void> {
    this.state.isCut = false;
    this.state.oneWayMs = 0;
    for (const socket of this.unanswered) socket.resetAndDestroy();
    for (const connection of this.connections) connection.update();
    if (!this.server.listening) await this.listen(this.port);
  }

  async close(): Promise<void> {
    await this.refuse();
  }

  private accept(client: Socket): void {
    if (this.state.isCut) {
      this.unanswered.add(client);
      client.on('error', () => undefined);
      client.once('close', () => this.unanswered.delete(client));
      return;
    }
    const connection = new Connection(client, this.dial(), this.state, () => this.connections.delete(connection));
    this.connections.add(connection);
  }

  private reset(): void {
    for (const socket of this.unanswered) socket.resetAndDestroy();
    for (const connection of this.connections) connection.reset();
  }
}
