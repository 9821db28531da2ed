// What this server tells of many sessions at once: one read tells what has ended lately, and only that is looked up.
import { firstEnd, lifeOf } from '../../core/life.js';
import type { Life } from '../../port/abilities.js';
import type { Found } from '../../port/records.js';
import type { Stamp } from '../../replica/hybrid-clock.js';
import { newestIn, NOTHING_ENDED, type EndsDocument } from './ended-lately.js';

/** What it is told by. */
export interface LivesSource {
  /** @throws StoreUnavailableError */
  ends(): Promise<EndsDocument | undefined>;
  /** @throws StoreUnavailableError */
  find(id: string): Promise<Found | undefined>;
  /** Whether all mounts are there. */
  isComplete(): boolean;
}

/** What is known of one session that is asked for again and again. Moments are of `performance.now()`. */
interface Known {
  /** Undefined when it has ended, or was not looked up yet. */
  life: Life | undefined;
  /** When its nearest limit passes, in milliseconds since 1970. */
  endsAt: number;
  /** When it was looked up last, in milliseconds since 1970. */
  seenAt: number;
  askedAt: number;
  dueAt: number;
  /** The last hint that concerned it, and when that was met. */
  hint: string;
  hintedAt: number;
  /** What is known may be outdated. */
  isDoubtful: boolean;
  /** The last look-up did not tell. */
  hasFailed: boolean;
}

/** Each session is looked up about this often, should a server have ended it that gives no hints. Milliseconds. */
const LOOK_EVERY_MS = 60_000;
/** Look-ups that run at once; and for how long one question starts further ones. Milliseconds. */
const AT_ONCE = 16;
const LOOK_FOR_MS = 200;
/** A session that was not asked for during so many milliseconds is forgotten. */
const FORGET_MS = 10_000;
/** A limit that passes within so many milliseconds may have passed when the answer is used. */
const MARGIN_MS = 100;

export class FileLives {
  private readonly known = new Map<string, Known>();
  private readonly looking = new Set<string>();
  private newest: Stamp = '';
  private wasComplete = true;

  constructor(
    private readonly source: LivesSource,
    private readonly lookEveryMs = LOOK_EVERY_MS,
  ) {}

  /** See `SessionLives`. @throws StoreUnavailableError when no mount answers */
  async livesOf(ids: readonly string[]): Promise<ReadonlyMap<string, Life | undefined>> {
    const document = (await this.source.ends()) ?? NOTHING_ENDED;
    if (this.hasMissed(document)) for (const known of this.known.values()) known.isDoubtful = true;
    const now = performance.now();
    for (const [id, { askedAt }] of this.known) if (askedAt < now - FORGET_MS) this.known.delete(id);
    for (const id of ids) this.ask(id, now, document);
    await this.lookUp(ids);
    return new Map(ids.filter((id) => this.isTold(id)).map((id) => [id, this.known.get(id)!.life]));
  }

  /** Whether there may have been ends that no document which was read has told of. */
  private hasMissed(document: EndsDocument): boolean {
    const isComplete = this.source.isComplete();
    const hasMissed = document.since > this.newest || (isComplete && !this.wasComplete);
    const newest = newestIn(document);
    if (newest > this.newest) this.newest = newest;
    this.wasComplete = isComplete;
    return hasMissed;
  }

  /** Makes it doubtful what is known of it, if the document tells something new of the session or its user. */
  private ask(id: string, now: number, { ends }: EndsDocument): void {
    let known = this.known.get(id);
    if (!known) {
      known = {
        ...{ life: undefined, endsAt: Infinity, seenAt: -Infinity, askedAt: now, dueAt: now },
        ...{ hint: '', hintedAt: -Infinity, isDoubtful: true, hasFailed: false },
      };
      this.known.set(id, known);
    }
    known.askedAt = now;
    // Whose session it is, is known only when it was looked up: what the document tells of its user is new then.
    const userId = known.life?.record.userId ?? null;
    const ofUser = userId === null ? '' : stampIn(ends, `@${userId}`);
    const hint = `${stampIn(ends, id)} ${ofUser}`;
    if (hint !== ' ' && hint !== known.hint) {
      known.hintedAt = now;
      known.isDoubtful = true;
    }
    known.hint = hint;
  }

  /** As many as there is time for: first those of which it is doubtful what is known. */
  private async lookUp(ids: readonly string[]): Promise<void> {
    const now = performance.now();
    const due = ids.filter((id) => this.isDue(id, now));
    due.sort((a, b) => this.urgency(b) - this.urgency(a));
    for (let at = 0; at < due.length && performance.now() < now + LOOK_FOR_MS; at += AT_ONCE) {
      await Promise.all(due.slice(at, at + AT_ONCE).map((id) => this.look(id)));
    }
  }

  private isDue(id: string, now: number): boolean {
    const known = this.known.get(id)!;
    if (this.looking.has(id)) return false;
    if (!known.isDoubtful && !known.life) return false;
    return known.isDoubtful || known.dueAt <= now || !isCertain(known);
  }

  private urgency(id: string): number {
    const { hintedAt, dueAt, isDoubtful, hasFailed } = this.known.get(id)!;
    // Many that cannot be told of must not keep the others from their turn.
    if (hasFailed) return Number.MIN_SAFE_INTEGER;
    // The newest hint first, then those of which nothing is known, and those that were due for the longest time.
    return isDoubtful ? Math.max(hintedAt, 0) + 1e12 : -dueAt;
  }

  private async look(id: string): Promise<void> {
    const known = this.known.get(id)!;
    const [at, seenAt] = [performance.now(), Date.now()];
    this.looking.add(id);
    try {
      const found = await this.source.find(id);
      known.life = found && lifeOf(found);
      known.isDoubtful = false;
      known.seenAt = seenAt;
      known.endsAt = known.life ? firstEnd(known.life.record) : Infinity;
      // A hint may come before what it tells of.
      const soon = Math.max(0, at - known.hintedAt) / 4;
      known.dueAt = at + Math.min(soon, this.lookEveryMs * (0.75 + Math.random() / 2));
      known.hasFailed = false;
    } catch {
      // It cannot be told of now.
      known.hasFailed = true;
    } finally {
      this.looking.delete(id);
    }
  }

  private isTold(id: string): boolean {
    const known = this.known.get(id);
    return known !== undefined && !known.isDoubtful && (!known.life || isCertain(known));
  }
}

/** Whether no limit of it has passed since it was looked up: a request elsewhere may have moved its idle limit. */
function isCertain({ endsAt, seenAt }: Known): boolean {
  return seenAt >= endsAt || Date.now() + MARGIN_MS < endsAt;
}

function stampIn(ends: EndsDocument['ends'], subject: string): string {
  return Object.hasOwn(ends, subject) ? ends[subject] : '';
}
