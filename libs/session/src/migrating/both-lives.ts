// What two places tell together of many sessions: one question to each, and a read for what only a read can decide.
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
  ) {}

  async livesOf(ids: readonly string[]): Promise<Lives> {
    const { old, young } = await this.ask(ids);
    const lives = new Map<string, Life | undefined>();
    const unclear: string[] = [];
    for (const id of ids) {
      const life = this.together(id, old, young);
      if (life === 'unclear') unclear.push(id);
      else lives.set(id, life);
    }
    const leads = this.phase === 'prepare' ? old : young;
    const read = async (id: string) => lives.set(id, await this.find(id));
    // A session whose read fails is left out: nobody can tell of it now.
    await Promise.allSettled(endsFirst(unclear, leads).slice(0, READS).map(read));
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
   * has no copy: it lacks one, or has ended it.
   */
  private together(id: string, olds: Lives, youngs: Lives): Life | undefined | 'unclear' {
    const [old, young] = [olds.get(id), youngs.get(id)];
    if (this.phase === 'finish' && young) return young;
    if (!olds.has(id) || !youngs.has(id)) return 'unclear';
    if (old && young) return isAlike(old, young) ? joined(old, young) : 'unclear';
    if (!old && !young) return undefined;
    return (this.phase === 'prepare' ? old : young) ?? 'unclear';
  }
}

/** The ids to read first. Those that seem to have ended come before the others, and each group begins at a random one. */
function endsFirst(ids: readonly string[], leads: Lives): string[] {
  const from = Math.floor(Math.random() * ids.length);
  const turned = [...ids.slice(from), ...ids.slice(0, from)];
  const seemsOver = (id: string) => leads.has(id) && isOver(leads.get(id));
  return [...turned.filter(seemsOver), ...turned.filter((id) => !seemsOver(id))];
}

/** Whether it was ended by itself or with all of its user's sessions. Its limits are not looked at: they may have moved. */
function isOver(life: Life | undefined): boolean {
  return !life || (life.record.userId !== null && life.record.epoch < life.userEpoch);
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
