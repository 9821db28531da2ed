// Whether this server was cut off from everybody: then its peers go on without it, and it must not serve.
import type { Membership } from './membership.js';

/** How long a server that was cut off dials its peers before it takes itself for alone. Milliseconds. */
export const LONG_DOUBT = 1000;

export class CutOff {
  /** True while this server hears neither a peer nor anybody else. */
  isCutOff = false;
  /** The question that is under way. */
  private asking: Promise<void> | undefined;

  /**
   * @param ask see `SyncOptions.isCutOff`; without it a server is never taken for cut off
   * @param onCutOff told when it begins
   */
  constructor(
    private readonly membership: Membership,
    private readonly ask: (() => Promise<boolean>) | undefined,
    private readonly onCutOff: () => void,
  ) {}

  /** Asks while all peers are silent. When the cut is over, all peers have to be caught up with first. */
  look(): Promise<void> {
    const { ask } = this;
    const { isAlone, members } = this.membership;
    const hearsNobody = !isAlone && members.every(({ isSilent }) => isSilent);
    if (!ask || (!hearsNobody && !this.isCutOff)) return Promise.resolve();
    const answer = async () => {
      const wasCutOff = this.isCutOff;
      const isNow = hearsNobody && (await ask());
      if (wasCutOff && !isNow) for (const link of members) link.suspect(LONG_DOUBT);
      this.isCutOff = isNow;
      if (isNow && !wasCutOff) this.onCutOff();
    };
    return (this.asking ??= answer().finally(() => (this.asking = undefined)));
  }
}
