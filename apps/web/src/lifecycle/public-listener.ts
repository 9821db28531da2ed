// The public port: open only while this server may get traffic, so that nginx uses another server at once when it may
// not.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Server as TcpServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { listen } from './listen.js';

/** How long idle connections stay open for one more request, whose answer closes them. */
const lingerMs = 200;

export class PublicListener {
  private isOpen = false;
  private closing: Promise<void> | undefined;
  private readonly running = new Set<ServerResponse>();
  /** Also those that `http` has handed over with an upgrade, and closes by none of its methods. */
  private readonly sockets = new Set<Socket>();

  constructor(
    private readonly server: Server,
    private readonly port: number,
    private readonly host: string,
    private readonly setting = 'PORT',
  ) {
    server.prependListener('request', (_request: IncomingMessage, response: ServerResponse) => {
      if (!this.isOpen) response.setHeader('Connection', 'close');
      this.running.add(response);
      response.once('close', () => this.running.delete(response));
    });
    server.on('connection', (socket: Socket) => {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
    });
  }

  /** The port it listens on, also if the setting is 0 and the system has chosen it. */
  get boundPort(): number {
    const address = this.server.address();
    return typeof address === 'object' && address !== null ? address.port : this.port;
  }

  /** Waits for an earlier `close`. @throws {PortInUseError} */
  async open(): Promise<void> {
    await this.closing;
    await listen(this.server, this.port, this.host, this.setting);
    this.isOpen = true;
  }

  /**
   * Accepts no more connections. Resolves when the running requests have ended, or after `graceMs`, when they are cut
   * off.
   */
  close(graceMs: number): Promise<void> {
    if (!this.isOpen) return this.closing ?? Promise.resolve();
    for (const response of this.running) if (!response.headersSent) response.setHeader('Connection', 'close');
    this.closing = this.stopListening(async (closed) => {
      const grace = setTimeout(() => this.destroyAll(), graceMs);
      await Promise.race([closed, sleep(Math.min(lingerMs, graceMs))]);
      const idle = setInterval(() => this.server.closeIdleConnections(), 20);
      await closed;
      clearInterval(idle);
      clearTimeout(grace);
    });
    return this.closing;
  }

  /** Stops listening and destroys all connections at once, also upgraded ones and those that are not accepted yet. */
  drop(): void {
    if (this.isOpen) this.closing = this.stopListening((closed) => closed);
    this.destroyAll();
  }

  private destroyAll(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  private stopListening(until: (closed: Promise<void>) => Promise<void>): Promise<void> {
    this.isOpen = false;
    const closed = new Promise<void>((resolve) => {
      // Not the `close` of http: it closes idle connections first, on which the proxy may just be sending.
      TcpServer.prototype.close.call(this.server, () => resolve());
    });
    return until(closed).finally(() => (this.closing = undefined));
  }
}
