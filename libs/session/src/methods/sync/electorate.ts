// The servers that vote on which one leads, and how many votes are a majority.
import type { Membership } from './membership.js';
import type { PeerLink } from './peer-link.js';

/**
 * Where every server is given by its address, all of them vote: the list is the same everywhere. Behind a DNS name
 * servers come and go as it changes, and two sides of a partition may see different ones: there only the servers that
 * the order of succession names have a vote.
 */
export class Electorate {
  constructor(
    private readonly membership: Membership,
    private readonly order: readonly string[],
    private readonly serverName: string,
  ) {}

  /** How many servers have a vote, this one among them if it has one. */
  get size(): number {
    return this.membership.isFixed ? this.membership.members.length + 1 : this.order.length;
  }

  /** How many of them are a majority. */
  get quorum(): number {
    return Math.floor(this.size / 2) + 1;
  }

  /** This server's place in the order; undefined where it is never to lead. */
  get place(): number | undefined {
    const place = this.order.indexOf(this.serverName);
    return place < 0 ? undefined : place;
  }

  /** The reachable servers that come before this one, the first one first. */
  earlier(): PeerLink[] {
    const { reachable } = this.membership;
    const before = this.order.slice(0, this.place ?? 0);
    return before.flatMap((name) => reachable.find(({ peer }) => peer?.name === name) ?? []);
  }

  hasVote({ peer }: PeerLink): boolean {
    return peer !== undefined && (this.membership.isFixed || this.order.includes(peer.name));
  }

  /** The reachable servers that have a vote. */
  voters(): PeerLink[] {
    return this.membership.reachable.filter((link) => this.hasVote(link));
  }
}
