// The epochs of both places, kept equal, so that servers that know only one of them end the same sessions.
import type { SessionEpochs } from '../port/abilities.js';

/**
 * In every phase: the old place counts, the new one follows. So two servers that end a user's sessions at once never
 * come to the same epoch.
 */
export class BothEpochs implements SessionEpochs {
  constructor(
    private readonly old: SessionEpochs,
    private readonly young: SessionEpochs,
    /** Whether both may count in one table, of which each must be told all the same. */
    private readonly mayShare: boolean,
  ) {}

  async epochOf(userId: string): Promise<number> {
    const [old, young] = await Promise.all([this.old.epochOf(userId), this.young.epochOf(userId)]);
    const epoch = Math.max(old, young);
    // A session that begins under the higher one must not outlive the next raise of the lower one.
    if (old < epoch) await raiseTo(this.old, userId, epoch);
    if (young < epoch) await raiseTo(this.young, userId, epoch);
    return epoch;
  }

  async raiseEpoch(userId: string): Promise<number> {
    await this.epochOf(userId);
    const epoch = await this.old.raiseEpoch(userId);
    if (this.mayShare) return Math.max(epoch, await this.young.raiseEpoch(userId));
    if ((await this.young.epochOf(userId)) < epoch) await this.young.raiseEpoch(userId);
    return epoch;
  }
}

async function raiseTo(place: SessionEpochs, userId: string, epoch: number): Promise<void> {
  while ((await place.epochOf(userId)) < epoch) await place.raiseEpoch(userId);
}
