// The public port: open only while this server may get traffic, so that nginx moves on at once when it may not.
import type { Server } from 'node:http';
import { listen } from './listen.js';

export class PublicListener {
  private opened = false;

  constructor(
    private readonly server: Server,
    private readonly port: number,
    private readonly host: string,
    private readonly setting = 'PORT',
  ) {}

  /** Where it listens: the port that the system chose when the setting is 0. */
  get boundPort(): number {
    const address = this.server.address();
    return typeof address === 'object' && address !== null ? address.port : this.port;
  }

  /** @throws {PortInUseError} */
  async open(): Promise<void> {
    await listen(this.server, this.port, this.host, this.setting);
    this.opened = true;
  }

  /** Accepts no more connections; resolves when what runs has ended, or after `graceMs` when it is cut off. */
  close(graceMs: number): Promise<void> {
    if (!this.opened) return Promise.resolve();
    this.opened = false;
    return new Promise((resolve) => {
      const idle = setInterval(() => this.server.closeIdleConnections(), 50);
      const grace = setTimeout(() => this.server.closeAllConnections(), graceMs);
      this.server.close(() => {
        clearInterval(idle);
        clearTimeout(grace);
        resolve();
      });
    });
  }
}
