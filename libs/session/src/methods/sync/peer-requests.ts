// What this server answers to its peers.
import { answerBucket } from './anti-entropy.js';
import { BUCKETS, type Kept } from './copies.js';
import { LONG_DOUBT } from './cut-off.js';
import { MalformedError } from './framed-socket.js';
import {
  asBucketQuestion,
  asEntries,
  asKey,
  asLeaseRequest,
  asReplication,
  asWrite,
  PROTOCOL,
  type BucketQuestion,
  type Hello,
  type Key,
  type Requests,
  type Standing,
} from './messages.js';
import type { Succession } from './succession.js';
import type { SyncServer } from './sync-server.js';

/** Servers whose clocks differ by more do not speak with each other: their limits would mean nothing. */
const MAX_SKEW = 3_600_000;

export class PeerRequests {
  constructor(
    private readonly server: Pick<SyncServer, 'hello' | 'copies' | 'membership' | 'direction' | 'succession'>,
  ) {}

  /** This server's own hello. @throws Error with the reason why this peer is refused */
  welcome({ protocol, name, instance, writer, serving, now }: Hello): Hello {
    const { membership } = this.server;
    const own = this.server.hello();
    if (protocol !== PROTOCOL)
      throw new Error(
        `This server speaks protocol version ${PROTOCOL}, not ${protocol}: run the same release on all servers.`,
      );
    if (writer !== own.writer)
      throw new Error(
        `This server has the direction "${own.writer || 'both-ways'}", not "${writer || 'both-ways'}": give all servers the same direction.`,
      );
    if (Math.abs(now - own.now) > MAX_SKEW)
      throw new Error('The clocks of the two servers differ by more than an hour: set them by NTP.');
    if (instance !== own.instance) {
      if (name === own.name) throw new Error(`Two servers have the name ${name}: give each server its own name.`);
      // It did not send its changes here until now.
      const missed = membership.links.filter(({ peer }) => !peer || peer.name === name);
      if (serving) for (const link of missed) link.suspect(LONG_DOUBT);
      setImmediate(() => membership.hurry());
    }
    return own;
  }

  /** Answers a request, with JSON. @throws MalformedError when it is none, SessionError when it cannot be done now */
  answer(peer: Hello, request: string, body: unknown): string | Promise<string> {
    const { copies, direction } = this.server;
    const { now } = copies;
    switch (request as keyof Requests) {
      case 'ping':
        return JSON.stringify(this.standing(peer));
      case 'put':
        copies.take(asEntries(body, now()));
        return 'null';
      case 'get':
        return this.shared(asKey(body))?.json ?? 'null';
      case 'digest':
        return this.digest(peer);
      case 'bucket':
        return this.answerBucket(asBucketQuestion(body, BUCKETS));
      case 'write':
        return direction.accept(asWrite(body)).then((answer) => JSON.stringify(answer));
      case 'lease':
        return JSON.stringify(this.assertSuccession().answer(peer, asLeaseRequest(body, now())));
      case 'replicate':
        this.assertSuccession().follow(peer, asReplication(body, now()));
        return 'null';
      default:
        throw new MalformedError('The peer sent an unknown request.');
    }
  }

  /** Its last connection has closed. */
  lost({ instance }: Hello): void {
    this.server.membership.links.find(({ peer }) => peer?.instance === instance)?.suspect();
  }

  /** What is not confirmed is not shown: it is waited for. What begins after `standing` is sent to the peer itself. */
  private digest(peer: Hello): string | Promise<string> {
    const { copies, succession } = this.server;
    const standing = this.standing(peer);
    const answer = () => JSON.stringify({ ...standing, digest: copies.digest() });
    return succession ? succession.confirmation.pending().then(answer) : answer();
  }

  /** Not what a leader may have to take back. */
  private shared(key: Key): Kept | undefined {
    const { copies, succession } = this.server;
    return succession ? succession.confirmation.confirmed(key) : copies.kept(key);
  }

  private answerBucket(question: BucketQuestion): string {
    const held: [Key, Kept][] = [];
    for (const [key] of this.server.copies.bucket(question.bucket)) {
      const kept = this.shared(key);
      if (kept) held.push([key, kept]);
    }
    return answerBucket(question, held);
  }

  private assertSuccession(): Succession {
    const { succession } = this.server;
    if (!succession)
      throw new MalformedError('The peer sent a request of the succession, but this server has no successors.');
    return succession;
  }

  private standing({ instance }: Hello): Standing {
    const linked = this.server.membership.linkTo(instance) !== undefined;
    return { linked, serving: this.server.hello().serving };
  }
}
