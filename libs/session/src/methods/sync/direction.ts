// Which server carries out a write: each one its own, or one for all.
import { StoreUnavailableError } from '../../core/errors.js';
import type { Membership } from './membership.js';
import { asWriteAnswer, type Write, type WriteAnswer } from './messages.js';
import type { SyncTimings } from './options.js';
import type { PeerLink } from './peer-link.js';

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

/** Another server writes, and has no successors: this one sends it its writes. */
export class Follower implements Direction {
  constructor(
    private readonly leader: string,
    private readonly membership: Membership,
    private readonly timings: SyncTimings,
  ) {}

  async write<W extends Write>(write: W): Promise<WriteAnswer<W>> {
    const link = this.membership.reachable.find(({ peer }) => peer?.name === this.leader);
    if (!link)
      throw new StoreUnavailableError(
        `Only ${this.leader} writes, and it cannot be reached: changes wait until it is back.`,
      );
    try {
      return await sendWrite(link, write, this.timings);
    } catch (error) {
      throw new StoreUnavailableError((error as Error).message);
    }
  }

  async accept(): Promise<never> {
    throw new StoreUnavailableError(`This server follows ${this.leader}, so it does not write.`);
  }
}
