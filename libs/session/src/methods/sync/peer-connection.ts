// One connection to a peer: this server's requests over it, and the peer's answers.
import { connect } from 'node:tls';
import { FramedSocket, MalformedError } from './framed-socket.js';
import type { Requests } from './messages.js';
import type { LinkContext } from './peer-link.js';
import { clientSecurity } from './security.js';

/** The peer did not answer: the link is closed. */
export class PeerLostError extends Error {}
/** The peer answered that it cannot. */
export class PeerRefusalError extends Error {}

export interface ConnectionEvents {
  /** TLS is up: each side has shown that it knows the key. */
  onSecured(): void;
  /** The peer has answered this request, and everything else meanwhile, with silence. */
  onSilence(request: string): void;
  /** The connection has failed, or the peer has closed it. */
  onClose(problem: NodeJS.ErrnoException | undefined): void;
}

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
  timer: NodeJS.Timeout | undefined;
}

export class PeerConnection {
  private readonly framed: FramedSocket;
  private readonly waiting = new Map<number, Waiting>();
  private requests = 0;
  private heardAt = 0;

  constructor(
    { host, port }: { readonly host: string; readonly port: number },
    { security, limits, counters }: LinkContext,
    private readonly events: ConnectionEvents,
  ) {
    const socket = connect({ ...clientSecurity(security), host, port });
    let problem: NodeJS.ErrnoException | undefined;
    socket.once('error', (error: NodeJS.ErrnoException) => (problem = error));
    socket.once('secureConnect', () => events.onSecured());
    const onMessage = (message: unknown[]) => this.receive(message);
    const onClose = () => events.onClose(problem);
    this.framed = new FramedSocket(socket, limits.frameBytes, Infinity, counters, onMessage, onClose);
  }

  /** See `PeerLink.send`. */
  send(request: keyof Requests, body: string, within: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = ++this.requests;
      const waiting: Waiting = { resolve, reject, timer: undefined };
      const wait = (milliseconds: number) => {
        // This server may have been late itself: what has arrived meanwhile is read first.
        waiting.timer = setTimeout(() => setImmediate(look), milliseconds);
      };
      const look = () => {
        if (this.waiting.get(id) !== waiting) return;
        const silent = performance.now() - Math.max(this.heardAt, sentAt);
        // A peer that answers other requests first is only busy.
        if (silent < within) wait(within - silent);
        else this.events.onSilence(request);
      };
      const sentAt = performance.now();
      wait(within);
      this.waiting.set(id, waiting);
      this.framed.send(`[${id},"${request}",${body}]`);
    });
  }

  /** All requests that wait for an answer fail, for this reason. */
  close(reason: string): void {
    this.framed.close();
    for (const { reject, timer } of this.waiting.values()) {
      clearTimeout(timer);
      reject(new PeerLostError(reason));
    }
    this.waiting.clear();
  }

  private receive(message: unknown[]): void {
    const [id, isAnswer, body] = message as [number, boolean, unknown];
    const asked = this.waiting.get(id);
    if (message.length !== 3 || typeof isAnswer !== 'boolean' || !asked)
      throw new MalformedError('The peer sent something other than an answer.');
    this.waiting.delete(id);
    this.heardAt = performance.now();
    clearTimeout(asked.timer);
    if (isAnswer) asked.resolve(body);
    else asked.reject(new PeerRefusalError(String(body).slice(0, 1000)));
  }
}
