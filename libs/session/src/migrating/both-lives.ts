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
    const [old, young] = await Promise.all([this.old.livesOf(ids), this.young.livesOf(ids)]);
    const lives = new Map<string, Life | undefined>();
    const unclear: string[] = [];
    for (const id of ids.filter((id) => old.has(id) && young.has(id))) {
      const life = this.together(old.get(id), young.get(id));
      if (life === 'unclear') unclear.push(id);
      else lives.set(id, life);
    }
    const from = Math.floor(Math.random() * unclear.length);
    const some = [...unclear.slice(from), ...unclear.slice(0, from)].slice(0, READS);
    const read = async (id: string) => lives.set(id, await this.find(id));
    // What cannot be told of now is left out.
    await Promise.allSettled(some.map(read));
    return lives;
  }

  /** As `TwoStores.find` decides. Where the place that leads has no copy, only a read tells whether it lacks one or ended it. */
  private together(old: Life | undefined, young: Life | undefined): Life | undefined | 'unclear' {
    if (this.phase === 'finish' && young) return young;
    if (old && young) return isAlike(old, young) ? joined(old, young) : 'unclear';
    if (!old && !young) return undefined;
    return (this.phase === 'prepare' ? old : young) ?? 'unclear';
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
