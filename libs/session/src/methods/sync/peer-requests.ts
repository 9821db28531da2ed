// What this server answers to its peers.
import { answerBucket } from './anti-entropy.js';
import type { Copies } from './copies.js';
import { LONG_DOUBT } from './cut-off.js';
import type { Direction } from './direction.js';
import { MalformedError } from './framed-socket.js';
import type { Membership } from './membership.js';
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
import type { PeerHandlers } from './peer-server.js';
import { BUCKETS, type Kept } from './replicas.js';
import { Succession } from './succession.js';

/** Servers whose clocks differ by more do not speak with each other: their limits would mean nothing. */
const MAX_SKEW = 3_600_000;

export class PeerRequests implements PeerHandlers {
  /** @param hello this server's own, as it is now */
  constructor(
    private readonly hello: () => Hello,
    private readonly copies: Copies,
    private readonly membership: Membership,
    private readonly direction: Direction,
  ) {}

  welcome({ protocol, name, instance, writer, serving, now }: Hello): Hello {
    const own = this.hello();
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
      const missed = this.membership.links.filter(({ peer }) => !peer || peer.name === name);
      if (serving) for (const link of missed) link.suspect(LONG_DOUBT);
      setImmediate(() => this.membership.hurry());
    }
    return own;
  }

  answer(peer: Hello, request: string, body: unknown): string | Promise<string> {
    const { now } = this.copies;
    switch (request as keyof Requests) {
      case 'ping':
        return JSON.stringify(this.standing(peer));
      case 'put':
        this.copies.take(asEntries(body, now()));
        return 'null';
      case 'get':
        return this.shared(asKey(body))?.json ?? 'null';
      case 'digest':
        return this.digest(peer);
      case 'bucket':
        return this.answerBucket(asBucketQuestion(body, BUCKETS));
      case 'write':
        return this.direction.accept(asWrite(body)).then((answer) => JSON.stringify(answer));
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
    this.membership.links.find(({ peer }) => peer?.instance === instance)?.suspect();
  }

  /** What is not confirmed is not shown: it is waited for. What begins after `standing` is sent to the peer itself. */
  private digest(peer: Hello): string | Promise<string> {
    const standing = this.standing(peer);
    const answer = () => JSON.stringify({ ...standing, digest: this.copies.replicas.digest() });
    return this.succession ? this.succession.confirmation.pending().then(answer) : answer();
  }

  /** Not what a leader may have to take back. */
  private shared(key: Key): Kept | undefined {
    return this.succession ? this.succession.confirmation.confirmed(key) : this.copies.replicas.kept(key);
  }

  private answerBucket(question: BucketQuestion): string {
    const held = Array.from(this.copies.replicas.bucket(question.bucket), ([key]) => [key, this.shared(key)] as const);
    return answerBucket(
      question,
      held.filter((pair): pair is readonly [Key, Kept] => pair[1] !== undefined),
    );
  }

  private assertSuccession(): Succession {
    if (!this.succession)
      throw new MalformedError('The peer sent a request of the succession, but this server has no successors.');
    return this.succession;
  }

  private get succession(): Succession | undefined {
    return this.direction instanceof Succession ? this.direction : undefined;
  }

  private standing({ instance }: Hello): Standing {
    const linked = this.membership.reachable.some(({ peer }) => peer?.instance === instance);
    return { linked, serving: this.hello().serving };
  }
}
