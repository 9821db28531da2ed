// Which server carries out a write: each one its own, or one for all.
import type { Copies } from './copies.js';
import type { Membership } from './membership.js';
import { asWriteAnswer, type Write, type WriteAnswer } from './messages.js';
import type { SyncTimings } from './options.js';
import type { PeerLink } from './peer-link.js';
import type { Writer } from './writer.js';

export interface Direction {
  /** Carries out a write of this server. @throws StoreUnavailableError */
  write<W extends Write>(write: W): Promise<WriteAnswer<W>>;
  /** Carries out a write that a peer has sent. @throws StoreUnavailableError where this server must not */
  accept<W extends Write>(write: W): Promise<WriteAnswer<W>>;
}

/** Has the leader carry out a write. @throws PeerLostError, PeerRefusalError, MalformedError */
export async function sendWrite<W extends Write>(
  link: PeerLink,
  write: W,
  { ackWithin }: SyncTimings,
): Promise<WriteAnswer<W>> {
  // It waits for its peers itself.
  const answer = await link.send('write', JSON.stringify(write), ackWithin * 2);
  try {
    return asWriteAnswer(write, answer);
  } catch (error) {
    link.drop((error as Error).message);
    throw error;
  }
}

/** Every server writes. */
export class BothWays implements Direction {
  constructor(private readonly writer: Writer) {}

  write<W extends Write>(write: W): Promise<WriteAnswer<W>> {
    return this.writer.perform(write);
  }

  accept<W extends Write>(write: W): Promise<WriteAnswer<W>> {
    return this.writer.perform(write);
  }
}

/** One server writes; the others send it their writes. */
export class OneWay implements Direction {
  private readonly follows: boolean;

  constructor(
    private readonly leader: string,
    private readonly serverName: string,
    private readonly writer: Writer,
    private readonly copies: Copies,
    private readonly membership: Membership,
    private readonly timings: SyncTimings,
  ) {
    this.follows = leader !== serverName;
  }

  async write<W extends Write>(write: W): Promise<WriteAnswer<W>> {
    if (!this.follows) return this.writer.perform(write);
    const link = this.membership.reachable.find(({ peer }) => peer?.name === this.leader);
    if (!link)
      throw this.copies.unavailable(
        `Only ${this.leader} writes, and it cannot be reached: changes wait until it is back.`,
      );
    try {
      return await sendWrite(link, write, this.timings);
    } catch (error) {
      throw this.copies.unavailable((error as Error).message);
    }
  }

  async accept<W extends Write>(write: W): Promise<WriteAnswer<W>> {
    if (this.follows) throw this.copies.unavailable(`${this.serverName} follows ${this.leader}, so it does not write.`);
    return this.writer.perform(write);
  }
}
