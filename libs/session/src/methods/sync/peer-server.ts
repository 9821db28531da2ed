// The listening side of the links: authenticates peers, answers their requests, and bounds what strangers can use.
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { AddressInfo, Socket } from 'node:net';
import { SessionError } from '../../core/errors.js';
import { FramedSocket, MalformedError } from './framed-socket.js';
import { asHello, type Hello } from './messages.js';
import type { Counters, SyncLimits } from './options.js';
import type { LinkContext } from './peer-link.js';
import type { PeerRequests } from './peer-requests.js';
import { serverSecurity } from './security.js';

/** A hello is short: a stranger may not send more. */
const HELLO_BYTES = 4096;

export class PeerServer {
  private readonly server: Server;
  /** Those that have not said hello, oldest first, by their address. */
  private readonly strangers = new Map<string, Socket>();
  private readonly peers = new Set<FramedSocket>();

  private readonly limits: SyncLimits;
  private readonly counters: Counters;

  private constructor(
    { security, limits, counters }: LinkContext,
    private readonly requests: PeerRequests,
  ) {
    [this.limits, this.counters] = [limits, counters];
    this.server = createServer({ ...serverSecurity(security), handshakeTimeout: limits.handshake });
    this.server.on('connection', (socket: Socket) => this.meet(socket));
    this.server.on('secureConnection', (socket) => this.listenTo(socket));
    this.server.on('tlsClientError', (_error, socket) => socket.destroy());
  }

  /** @throws Error when it cannot listen there */
  static async listen(
    { host, port }: { host?: string; port: number },
    context: LinkContext,
    requests: PeerRequests,
  ): Promise<PeerServer> {
    const peers = new PeerServer(context, requests);
    await new Promise<void>((resolve, reject) => {
      peers.server.once('error', reject);
      peers.server.listen(port, host, () => resolve());
    });
    peers.server.on('error', () => undefined);
    return peers;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const socket of this.strangers.values()) socket.destroy();
    for (const peer of this.peers) peer.close();
    await closed;
  }

  /** Any connection, before it has shown that it knows the key. */
  private meet(socket: Socket): void {
    const address = addressOf(socket);
    this.strangers.set(address, socket);
    socket.on('error', () => undefined);
    const late = setTimeout(() => this.strangers.has(address) && socket.destroy(), this.limits.handshake);
    socket.once('close', () => {
      clearTimeout(late);
      if (this.strangers.delete(address)) this.counters.refused++;
    });
    if (this.strangers.size > this.limits.strangers) this.strangers.values().next().value?.destroy();
  }

  private listenTo(secured: TLSSocket): void {
    let peer: Hello | undefined;
    const framed: FramedSocket = new FramedSocket(
      secured,
      HELLO_BYTES,
      this.limits.framesPerSecond,
      this.counters,
      (message) => {
        const [id, request, body] = message;
        if (message.length !== 3 || !Number.isSafeInteger(id) || typeof request !== 'string')
          throw new MalformedError('The peer sent something other than a request.');
        if (peer) return void this.answer(framed, peer, id as number, request, body);
        if (request !== 'hello') throw new MalformedError('The peer sent a request before its hello.');
        peer = this.welcome(framed, id as number, asHello(body));
      },
      () => {
        if (this.peers.delete(framed) && peer) this.requests.lost(peer);
      },
    );
  }

  private welcome(framed: FramedSocket, id: number, hello: Hello): Hello | undefined {
    const refuse = (reason: string) => {
      this.counters.refused++;
      framed.send(JSON.stringify([id, false, reason]));
      framed.socket.end();
    };
    if (this.peers.size >= this.limits.connections)
      return void refuse(`This server has ${this.peers.size} connections from peers, the maximum.`);
    let own: Hello;
    try {
      own = this.requests.welcome(hello);
    } catch (error) {
      return void refuse((error as Error).message);
    }
    framed.maxBytes = this.limits.frameBytes;
    framed.socket.setTimeout(this.limits.silence, () => framed.close());
    this.peers.add(framed);
    this.strangers.delete(addressOf(framed.socket));
    framed.send(JSON.stringify([id, true, own]));
    return hello;
  }

  private async answer(framed: FramedSocket, peer: Hello, id: number, request: string, body: unknown): Promise<void> {
    try {
      const answer = await this.requests.answer(peer, request, body);
      framed.send(`[${id},true,${answer}]`);
    } catch (error) {
      if (error instanceof SessionError) return framed.send(JSON.stringify([id, false, error.message]));
      this.counters.malformed++;
      framed.close();
    }
  }
}

function addressOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
