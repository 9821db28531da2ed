// Which servers belong to the site: a link to each, from a list or from a DNS name that is followed as it changes.
import { lookup } from 'node:dns/promises';
import { PeerLink, type LinkContext } from './peer-link.js';

/** A name that has told nothing yet is asked again so much later. */
const ASK_AGAIN = 200;

export class Membership {
  private readonly byAddress = new Map<string, PeerLink>();
  private readonly names: string[] = [];
  /** Those that a name has led to, and when it last did. */
  private readonly followed = new Map<PeerLink, number>();
  private timer: NodeJS.Timeout | undefined;
  private again: NodeJS.Timeout | undefined;
  /** Undefined until the first answer. */
  private isResolved: boolean | undefined;
  private isDialling = false;
  private closed = false;

  /** @param ownPort where the servers behind a DNS name listen */
  constructor(
    peers: readonly string[],
    private readonly ownPort: number,
    private readonly context: LinkContext,
    private readonly lookup: (name: string) => Promise<string[]> = addressesOf,
  ) {
    for (const peer of peers) {
      const [, host, port] = /^(?:\[?(.+?)\]?):(\d{1,5})$/.exec(peer) ?? [];
      if (host && port) this.add(host, Number(port));
      else this.names.push(peer);
    }
  }

  /** One per address, this server's own among them if it was given. */
  get links(): PeerLink[] {
    return [...this.byAddress.values()];
  }

  /** The other servers. */
  get members(): PeerLink[] {
    return this.links.filter(({ isMember }) => isMember);
  }

  /** A reachable server may have acknowledged what this one does not know. */
  get isBehind(): boolean {
    return this.reachable.some(({ isBehind }) => isBehind);
  }

  get reachable(): PeerLink[] {
    return this.links.filter(({ isUp }) => isUp);
  }

  /** The link to the server of this instance, while it is reachable. */
  linkTo(instance: string | undefined): PeerLink | undefined {
    return this.reachable.find(({ peer }) => peer !== undefined && peer.instance === instance);
  }

  /** The names that were resolved without an answer so far: they may lead to further members. */
  get unresolved(): readonly string[] {
    return this.isResolved === false ? this.names : [];
  }

  /** Every server is given by its address: which ones there are does not change. */
  get isFixed(): boolean {
    return this.names.length === 0;
  }

  /** Neither is there another server, nor a name that may still lead to one. */
  get isAlone(): boolean {
    return this.members.length + this.unresolved.length === 0;
  }

  /** Starts to dial the peers and to follow the DNS names; resolves when each name has been asked once. */
  async follow(): Promise<void> {
    this.isDialling = true;
    for (const link of this.links) link.hurry();
    await this.resolve();
    if (this.names.length === 0 || this.closed) return;
    this.timer = setInterval(() => void this.resolve(), this.context.timings.resolve);
  }

  /** A peer has come up: it is looked for at once. */
  hurry(): void {
    for (const link of this.links) link.hurry();
    void this.resolve();
  }

  close(): void {
    this.closed = true;
    clearInterval(this.timer);
    clearTimeout(this.again);
    for (const link of this.links) link.stop();
  }

  private async resolve(): Promise<void> {
    const found = await Promise.all(this.names.map((name) => this.lookup(name).catch(() => undefined)));
    if (this.closed || found.length === 0) return;
    clearTimeout(this.again);
    // A name server that fails says nothing about the servers.
    if (found.includes(undefined)) {
      this.isResolved ??= false;
      if (!this.isResolved) this.again = setTimeout(() => void this.resolve(), ASK_AGAIN);
      return;
    }
    this.isResolved = true;
    const hosts = new Set(found.flatMap((addresses) => addresses!));
    const now = this.context.now();
    for (const host of hosts) this.followed.set(this.add(host, this.ownPort), now);
    for (const [link, listedAt] of this.followed) {
      if (hosts.has(link.host)) continue;
      if (link.isUp) this.followed.set(link, now);
      // A name server also drops members that it does not reach itself: such a member may serve on the other side.
      else if (link.isGone || !link.isMember || now - listedAt > this.context.timings.forgetAfter) this.drop(link);
    }
  }

  private drop(link: PeerLink): void {
    link.stop();
    this.followed.delete(link);
    this.byAddress.delete(link.address);
  }

  private add(host: string, port: number): PeerLink {
    const address = `${host}:${port}`;
    const known = this.byAddress.get(address);
    if (known) return known;
    const link = new PeerLink(host, port, this.context);
    this.byAddress.set(address, link);
    if (this.isDialling) link.hurry();
    return link;
  }
}

async function addressesOf(name: string): Promise<string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address);
}
