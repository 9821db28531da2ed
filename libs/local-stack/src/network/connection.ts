// One connection through a link: two sockets and what is on its way between them.
import type { Socket } from 'node:net';

/** The state of a link, as all its connections see it. */
export interface LinkState {
  isCut: boolean;
  /** What each direction adds. */
  oneWayMs: number;
}

/** What is on its way in one direction, at most: a sender beyond it waits, as for any full network. */
const MAX_BYTES = 256 * 1024;

export class Connection {
  private readonly flows: readonly Flow[];
  private open = 2;

  constructor(
    private readonly client: Socket,
    private readonly server: Socket,
    private readonly link: LinkState,
    gone: () => void,
  ) {
    this.flows = [new Flow(client, server, link), new Flow(server, client, link)];
    for (const socket of [client, server]) {
      socket.on('error', () => undefined);
      socket.once('close', () => {
        this.spreadAbort();
        if (--this.open === 0) gone();
      });
    }
    this.update();
  }

  /** Forwards what the link lets through: at first, and when the link has been healed. */
  update(): void {
    for (const flow of this.flows) flow.move();
    this.spreadAbort();
  }

  reset(): void {
    for (const flow of this.flows) flow.stop();
    for (const socket of [this.client, this.server]) reset(socket);
  }

  /** When one side was aborted, the other is reset, as soon as the link is not cut. */
  private spreadAbort(): void {
    if (this.link.isCut) return;
    if ([this.client, this.server].some(wasAborted)) this.reset();
  }
}

/** One direction. */
class Flow {
  /** In order; undefined is the end. */
  private readonly inFlight: { readonly chunk: Buffer | undefined; readonly due: number }[] = [];
  private bytes = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly from: Socket,
    private readonly to: Socket,
    private readonly link: LinkState,
  ) {
    from.on('data', (chunk: Buffer) => this.take(chunk));
    from.once('end', () => this.take(undefined));
    to.on('drain', () => this.move());
  }

  /** Hands on what has arrived by now, and reads on when there is room. */
  move(): void {
    clearTimeout(this.timer);
    for (let next; !this.link.isCut && !this.to.writableNeedDrain && (next = this.inFlight[0]);) {
      const wait = next.due - performance.now();
      if (wait > 0) {
        this.timer = setTimeout(() => this.move(), wait);
        break;
      }
      this.inFlight.shift();
      this.bytes -= next.chunk?.length ?? 0;
      if (next.chunk) this.to.write(next.chunk);
      else this.to.end();
    }
    if (this.bytes >= MAX_BYTES) this.from.pause();
    else this.from.resume();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.inFlight.length = 0;
  }

  private take(chunk: Buffer | undefined): void {
    this.inFlight.push({ chunk, due: performance.now() + this.link.oneWayMs });
    this.bytes += chunk?.length ?? 0;
    this.move();
  }
}

function wasAborted({ destroyed, readableEnded, writableFinished }: Socket): boolean {
  return destroyed && !(readableEnded && writableFinished);
}

function reset(socket: Socket): void {
  // One that is still connecting could be reset only after it has connected.
  if (socket.connecting) socket.destroy();
  else socket.resetAndDestroy();
}
