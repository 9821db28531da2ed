// A TCP proxy of the specs that stands for the network between two servers: it can be cut, and it can listen.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export class Proxy {
  /** What each connection's dialling side has sent. */
  readonly recorded: Buffer[][] = [];
  private readonly sockets = new Set<Socket>();
  private isCut = false;
  /** Milliseconds that everything takes on its way. */
  delay = 0;

  private constructor(
    private readonly server: Server,
    private readonly target: number,
  ) {
    server.on('connection', (inner) => this.carry(inner));
  }

  static async to(target: number): Promise<Proxy> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Proxy(server, target);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** From now on nothing arrives, and nobody is told: as when a switch dies. */
  cut(): void {
    this.isCut = true;
  }

  heal(): void {
    this.isCut = false;
    this.reset();
  }

  /** Ends all connections; new ones work. */
  reset(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  close(): void {
    this.reset();
    this.server.close();
  }

  private carry(inner: Socket): void {
    const record: Buffer[] = [];
    this.recorded.push(record);
    const outer = connect(this.target, '127.0.0.1');
    for (const [from, to] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      this.sockets.add(from);
      from.on('data', (chunk: Buffer) => {
        if (from === inner) record.push(chunk);
        if (this.isCut) return;
        if (this.delay > 0) setTimeout(() => to.write(chunk), this.delay);
        else to.write(chunk);
      });
      from.on('error', () => undefined);
      from.once('close', () => {
        this.sockets.delete(from);
        if (!this.isCut) to.destroy();
      });
    }
  }
}
