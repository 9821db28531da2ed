// Keeps this server's copies equal to its peers': at each new link, after each doubt, and every few seconds.
import { setTimeout as sleep } from 'node:timers/promises';
import { compare } from './anti-entropy.js';
import type { Copies } from './copies.js';
import { MalformedError } from './framed-socket.js';
import type { PeerLink } from './peer-link.js';

const RETRY_MS = 20;

export class CatchUp {
  /** The links that are being caught up with. */
  private readonly catching = new Set<PeerLink>();
  private comparing: Promise<unknown> = Promise.resolve();
  private closed = false;

  /** @param isServing whether this server has joined the others */
  constructor(
    private readonly copies: Copies,
    private readonly isServing: () => boolean,
  ) {}

  close(): void {
    this.closed = true;
  }

  /** Compares with this peer until nothing that it has acknowledged is missing here. */
  async with(link: PeerLink): Promise<void> {
    if (this.catching.has(link)) return;
    this.catching.add(link);
    while (link.isUp && !link.current && !this.closed) {
      const { round } = link;
      const isDone = await this.compareWith(link).catch((error: Error) => {
        link.problem = error.message;
        if (error instanceof MalformedError) link.drop(error.message);
        return false;
      });
      if (isDone && link.isUp && link.round === round) link.confirm();
      else await sleep(RETRY_MS);
    }
    this.catching.delete(link);
  }

  /** One peer after the other, so that only one of two peers sends an entry. False when nothing could be compared. */
  compareWith(link: PeerLink): Promise<boolean> {
    const done = this.comparing.then(() => this.compareNow(link));
    this.comparing = done.catch(() => undefined);
    return done;
  }

  /** As `compareWith`, without waiting for others. */
  compareNow(link: PeerLink): Promise<boolean> {
    return compare(link, this.copies, this.isServing());
  }
}
