// One connection through a link: two sockets and what is on its way between them.
import type { Socket } from 'node:net';

/** The state of a link, as all its connections see it. */
export interface Line {
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
    private readonly line: Line,
    gone: () => void,
  ) {
    this.flows = [new Flow(client, server, line), new Flow(server, client, line)];
    for (const socket of [client, server]) {
      socket.on('error', () => undefined);
      socket.once('close', () => {
        this.spreadEnd();
        if (--this.open === 0) gone();
      });
    }
    this.update();
  }

  /** Carries on what the line lets through: at first, and when it has been healed. */
  update(): void {
    for (const flow of this.flows) flow.move();
    this.spreadEnd();
  }

  reset(): void {
    for (const flow of this.flows) flow.stop();
    for (const socket of [this.client, this.server]) reset(socket);
  }

  /** A side that broke off breaks the other, who hears of it only while the line is whole. */
  private spreadEnd(): void {
    if (this.line.isCut) return;
    if ([this.client, this.server].some(brokeOff)) this.reset();
  }
}

/** One direction. */
class Flow {
  /** In order; undefined is the end. */
  private readonly onItsWay: { readonly chunk: Buffer | undefined; readonly due: number }[] = [];
  private bytes = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly from: Socket,
    private readonly to: Socket,
    private readonly line: Line,
  ) {
    from.on('data', (chunk: Buffer) => this.take(chunk));
    from.once('end', () => this.take(undefined));
    to.on('drain', () => this.move());
  }

  /** Hands on what has arrived by now, and reads on when there is room. */
  move(): void {
    clearTimeout(this.timer);
    for (let next; !this.line.isCut && !this.to.writableNeedDrain && (next = this.onItsWay[0]);) {
      const wait = next.due - performance.now();
      if (wait > 0) {
        this.timer = setTimeout(() => this.move(), wait);
        break;
      }
      this.onItsWay.shift();
      this.bytes -= next.chunk?.length ?? 0;
      if (next.chunk) this.to.write(next.chunk);
      else this.to.end();
    }
    if (this.bytes >= MAX_BYTES) this.from.pause();
    else this.from.resume();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.onItsWay.length = 0;
  }

  private take(chunk: Buffer | undefined): void {
    this.onItsWay.push({ chunk, due: performance.now() + this.line.oneWayMs });
    this.bytes += chunk?.length ?? 0;
    this.move();
  }
}

function brokeOff({ destroyed, readableEnded, writableFinished }: Socket): boolean {
  return destroyed && !(readableEnded && writableFinished);
}

function reset(socket: Socket): void {
  // One that is still connecting could be reset only after it has connected.
  if (socket.connecting) socket.destroy();
  else socket.resetAndDestroy();
}
