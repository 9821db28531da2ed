// What two places tell together of many sessions: one question to each, and a read for what only a read can decide.
import { fromRandom } from '../core/from-random.js';
import { isLiveAt } from '../core/life.js';
import type { Life, SessionLives } from '../port/abilities.js';
import type { Found } from '../port/records.js';
import type { MigrationPhase } from './progress.js';

/** Sessions that one question reads by themselves; the others have their turn at the next ones. */
const READS = 32;

type Lives = ReadonlyMap<string, Life | undefined>;

export class BothLives implements SessionLives {
  constructor(
    private readonly old: SessionLives,
    private readonly young: SessionLives,
    private readonly phase: MigrationPhase,
    private readonly find: (id: string) => Promise<Found | undefined>,
    private readonly now: () => number,
  ) {}

  async livesOf(ids: readonly string[]): Promise<Lives> {
    const { old, young } = await this.ask(ids);
    const lives = new Map<string, Life | undefined>();
    const unclear: string[] = [];
    for (const id of ids) {
      const life = this.together(id, old, young);
      if (life === 'unclear') unclear.push(id);
      else if (life !== 'untold') lives.set(id, life);
    }
    const read = async (id: string) => lives.set(id, await this.find(id));
    // A session whose read fails is left out: nobody can tell of it now.
    await Promise.allSettled(fromRandom(unclear).slice(0, READS).map(read));
    return lives;
  }

  /** In `finish` the old place may be down: it is asked only for what the new place does not have, and its failure tells nothing. */
  private async ask(ids: readonly string[]): Promise<{ old: Lives; young: Lives }> {
    if (this.phase !== 'finish') {
      const [old, young] = await Promise.all([this.old.livesOf(ids), this.young.livesOf(ids)]);
      return { old, young };
    }
    const young = await this.young.livesOf(ids);
    const others = ids.filter((id) => !young.get(id));
    const old = others.length > 0 ? await this.old.livesOf(others).catch((): Lives => new Map()) : new Map();
    return { old, young };
  }

  /**
   * As `TwoStores.find` decides. Only a read decides where a place cannot tell of the session, and where the place that leads
   * has no copy: it lacks one, or has ended it. A read costs much where a copy is missing, so a session that lives on in the
   * place that leads is not read because the other place cannot tell of it.
   */
  private together(id: string, olds: Lives, youngs: Lives): Life | undefined | 'unclear' | 'untold' {
    const [old, young] = [olds.get(id), youngs.get(id)];
    if (this.phase === 'finish' && young) return young;
    const leads = this.phase === 'prepare' ? old : young;
    if (!olds.has(id) || !youngs.has(id)) return leads && isLiveAt(leads, this.now()) ? 'untold' : 'unclear';
    if (old && young) return isAlike(old, young) ? joined(old, young) : 'unclear';
    if (!old && !young) return undefined;
    return leads ?? 'unclear';
  }
}

/** Two copies that differ in more than the idle limit: a life does not tell which is newer. */
function isAlike({ record: a }: Life, { record: b }: Life): boolean {
  const length = Math.min(a.payload.length, b.payload.length);
  const isSame = a.endsAt === b.endsAt && a.userId === b.userId && a.epoch === b.epoch;
  return isSame && a.payload.slice(0, length) === b.payload.slice(0, length);
}

function joined(a: Life, b: Life): Life {
  const idleEndsAt = Math.max(a.record.idleEndsAt, b.record.idleEndsAt);
  return { record: { ...a.record, idleEndsAt }, userEpoch: Math.max(a.userEpoch, b.userEpoch) };
}
