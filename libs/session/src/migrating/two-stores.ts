// Two stores as one while a site moves from the old to the new: which is read, which decides, and how they stay alike.
import { nextAttempt } from '../core/attempts.js';
import { StoreUnavailableError } from '../core/errors.js';
import { joinWrites } from '../core/merge.js';
import type { Found, Mark, SessionRecord, WriteResult } from '../port/records.js';
import type { SessionCapabilities, SessionStore } from '../port/store.js';
import { PlaceMarks } from './mark.js';
import type { Counters, MigrationProgress } from './progress.js';
import { catchUp, isAhead, lastWrite, markOf, newest, type Copies } from './two-copies.js';
import { isForUsersOnly, weaker } from './weaker.js';

/**
 * Both places hold copies of a session; `newest` tells which copy contains the other's last write. Why no update is
 * lost and no logout undone between servers of neighbouring phases:
 *
 * - *Beside servers that know only the old place*, `prepare` writes the old place first: compare-and-set there decides.
 *   It writes to the new place only what `switch` has brought there, for what those servers change or end would stay
 *   unknown to a copy.
 * - *`prepare` beside `switch`*: every write is compared and set in both places before it is acknowledged, so of two
 *   writes at once one fails in one of them and is tried again on the newer copy. A write that failed in the second
 *   place may leave a copy in the old one that nobody acknowledged: two copies of which neither contains the other, and
 *   there the new place wins. Both phases read both places and take the newer.
 * - *`switch` beside `finish`, and `finish` beside servers that know only the new place*: compare-and-set in the new
 *   place decides. All that was written since it got there is there, so `finish` looks at the old place only for what
 *   is missing.
 * - *Ended or never there?* Where a session is missing, its copy is created: `gone` means that its tombstone is there,
 *   and the other copy is ended too. A server that has copied a session reads once more where the copy came from. A
 *   server that ends a session ends it in the old place, then in the new one, and again in the old one where it was
 *   missing. So one of the two ends a copy that is made while the session is being ended.
 */
export class TwoStores<S extends SessionStore = SessionStore> implements SessionStore {
  private readonly marks: PlaceMarks;

  constructor(
    protected readonly old: S,
    protected readonly young: S,
    private readonly counters: Counters,
  ) {
    this.marks = new PlaceMarks(old.capabilities, young.capabilities);
  }

  get capabilities(): SessionCapabilities {
    return weaker(this.old, this.young, this.counters.phase === 'prepare' ? this.old : this.young);
  }

  /** See `SessionRoom`. */
  get isForUsersOnly(): boolean {
    return isForUsersOnly(this.old, this.young);
  }

  /** How far this server has seen the migration come. */
  progress(): MigrationProgress {
    return this.counters.snapshot();
  }

  async find(id: string, atLeast?: Mark): Promise<Found | undefined> {
    const copies = await this.even(await this.copies(id, atLeast));
    const found = newest(copies);
    if (!found) return undefined;
    const userEpoch = Math.max(copies.old?.userEpoch ?? 0, copies.new?.userEpoch ?? 0);
    return {
      record: found.record,
      userEpoch,
      mark: this.marks.seal({ new: markOf(copies.new), old: markOf(copies.old) }),
    };
  }

  async create(record: SessionRecord): Promise<WriteResult> {
    const { phase } = this.counters;
    const [first, second] = phase === 'prepare' ? [this.old, undefined] : [this.young, this.old];
    const result = await first.create(record);
    if (result.status !== 'done') return result;
    const stored = result.record ?? record;
    const mark = result.mark ?? String(stored.version);
    if (!second || phase === 'finish') {
      return { ...result, mark: this.marks.seal(first === this.old ? { old: mark } : { new: mark }) };
    }
    const copy = await this.attempt(() => second.create(stored));
    if (copy?.status === 'gone') {
      await first.destroy(record.id);
      return { status: 'gone' };
    }
    const earlier = copy?.status === 'done' ? copy.record : undefined;
    if (earlier && !result.record && earlier.payload !== stored.payload) {
      // Of an earlier try of the same request, on a server of phase `prepare`: that one counts, in both places.
      const next = { ...earlier, version: earlier.version + 1, writes: joinWrites(earlier.writes, ['repeated']) };
      const moved = await first.update(next, stored);
      if (moved.status !== 'done') return moved;
      return { status: 'done', record: next, mark: this.marks.seal({ new: moved.mark ?? String(next.version) }) };
    }
    return { ...result, mark: this.marks.seal({ new: mark }) };
  }

  async update(record: SessionRecord, base: SessionRecord): Promise<WriteResult> {
    const own = lastWrite(record);
    for (let attempt = 0; ; attempt = await nextAttempt(attempt)) {
      const copies = await this.even(await this.copies(record.id));
      const current = newest(copies)?.record;
      if (!current) return { status: 'gone' };
      // Our own write, of a try before this one. It counts when it has got to the new place too.
      if (own !== undefined && current.writes.includes(own) && own !== lastWrite(base)) {
        if (copies.new && !copies.new.record.writes.includes(own)) continue;
        const mark = this.marks.seal({ new: markOf(copies.new), old: markOf(copies.old) });
        return { status: 'done', mark, ...(own !== lastWrite(current) && { record: current }) };
      }
      if (lastWrite(current) !== lastWrite(base) || current.version !== base.version) {
        return { status: 'conflict', current };
      }
      const result = await this.write(record, copies);
      if (result) return result;
    }
  }

  async touch(id: string, idleEndsAt: number): Promise<void> {
    if (this.counters.phase === 'finish') return this.young.touch(id, idleEndsAt);
    await Promise.all([this.old.touch(id, idleEndsAt), this.young.touch(id, idleEndsAt)]);
  }

  async destroy(id: string, ifVersion?: number): Promise<WriteResult> {
    if (ifVersion !== undefined) {
      const refused = await this.destroyVersion(id, ifVersion);
      if (refused) return refused;
    }
    const first = await this.old.destroy(id);
    const second = await this.young.destroy(id);
    const again = first.status === 'gone' ? await this.old.destroy(id) : first;
    return [first, second, again].some(({ status }) => status === 'done') || ifVersion !== undefined
      ? { status: 'done' }
      : { status: 'gone' };
  }

  async sweep(before: number, limit: number): Promise<number> {
    const old = await this.old.sweep(before, limit);
    return old < limit ? old + (await this.young.sweep(before, limit - old)) : old;
  }

  /** Ends this version in the place that decides; undefined when that is done. */
  private async destroyVersion(id: string, ifVersion: number): Promise<WriteResult | undefined> {
    for (let attempt = 0; ; attempt = await nextAttempt(attempt)) {
      const copies = await this.even(await this.copies(id));
      const current = newest(copies)?.record;
      if (!current) return { status: 'gone' };
      if (current.version !== ifVersion) return { status: 'conflict', current };
      const [place, copy] = this.inOrder(copies)[0];
      const { status } = await place.destroy(id, copy.record.version);
      if (status === 'done') return undefined;
    }
  }

  /** Writes where there is a copy, in the phase's order; undefined when somebody else was faster in one of them. */
  private async write(record: SessionRecord, copies: Copies): Promise<WriteResult | undefined> {
    const marks: { old?: Mark; new?: Mark } = {};
    let written = record;
    for (const [i, [place, { record: copy }]] of this.inOrder(copies).entries()) {
      const next = { ...written, version: copy.version + 1 };
      const act = () => place.update(next, copy);
      // What `switch` cannot write to the old place, `prepare` reads in the new one.
      const result = i > 0 && place === this.old ? await this.attempt(act) : await act();
      if (result?.status === 'conflict') return undefined;
      if (result?.status === 'gone') {
        await this.destroy(record.id);
        return { status: 'gone' };
      }
      if (result?.record) written = result.record;
      if (result) marks[place === this.old ? 'old' : 'new'] = result.mark ?? String(next.version);
    }
    // Brought to the new place after we looked: then it must get this write too.
    if (this.counters.phase === 'prepare' && !copies.new && (await this.young.find(record.id))) return undefined;
    return { status: 'done', ...(written !== record && { record: written }), mark: this.marks.seal(marks) };
  }

  /** The places that have a copy, that which decides first. */
  private inOrder(copies: Copies): (readonly [SessionStore, Found])[] {
    const old = copies.old && ([this.old, copies.old] as const);
    const young = copies.new && ([this.young, copies.new] as const);
    const { phase } = this.counters;
    const order = phase === 'prepare' ? [old, young] : phase === 'switch' ? [young, old] : [young];
    return order.filter((place) => place !== undefined);
  }

  // --- reading

  private async copies(id: string, atLeast?: Mark): Promise<Copies> {
    const marks = atLeast === undefined ? {} : this.marks.open(atLeast);
    if (this.counters.phase === 'finish') {
      // A plain mark is that of a server which knows only the new place.
      const young = await this.readNewer(id, this.young, marks ? marks.new : atLeast, marks ? undefined : this.old);
      return young ? { new: young } : { old: await this.old.find(id, marks?.old) };
    }
    // Beside servers that know only the old place a plain mark is theirs.
    const [old, young] = await Promise.all([
      this.readNewer(id, this.old, marks ? marks.old : atLeast, marks ? undefined : this.young),
      this.young.find(id, marks?.new),
    ]);
    return { old, new: young };
  }

  /**
   * The copy of this place. A mark that does not say which place it is of may be the other's, where the session has
   * gone on: then what seems too old here is newer there.
   */
  private async readNewer(
    id: string,
    place: SessionStore,
    mark: Mark | undefined,
    other: SessionStore | undefined,
  ): Promise<Found | undefined> {
    try {
      return await place.find(id, mark);
    } catch (error) {
      if (!other || mark === undefined || !(error instanceof StoreUnavailableError)) throw error;
      const [here, there] = await Promise.all([place.find(id), other.find(id)]);
      if (!there || (here && !isAhead(there.record, here.record))) throw error;
      return here;
    }
  }

  /** Brings what is missing, or behind, to where this phase needs it; empty when the session turns out to be over. */
  private async even(copies: Copies): Promise<Copies> {
    const { phase } = this.counters;
    if (copies.old && !copies.new) this.counters.oldOnly++;
    if (copies.old && !copies.new && phase !== 'prepare') {
      return this.copyTo(this.young, this.old, copies.old.record, (found) => ({ ...copies, new: found }));
    }
    if (copies.new && !copies.old && phase === 'prepare') {
      return this.copyTo(this.old, this.young, copies.new.record, (found) => ({ ...copies, old: found }));
    }
    if (!copies.old || !copies.new) return copies;
    const winner = newest(copies)!;
    const [place, behind, key] =
      winner === copies.old ? [this.young, copies.new, 'new' as const] : [this.old, copies.old, 'old' as const];
    const found = await this.attempt(() => catchUp(place, behind, winner.record));
    return found ? { ...copies, [key]: found } : copies;
  }

  private async copyTo(
    place: SessionStore,
    source: SessionStore,
    record: SessionRecord,
    withCopy: (found: Found | undefined) => Copies,
  ): Promise<Copies> {
    const copied = await this.attempt(async () => {
      const created = await place.create(record);
      if (created.status === 'gone') {
        await source.destroy(record.id);
        return {};
      }
      this.counters.backFilled++;
      // A place that has swept it, or took it long ago, keeps the idle limit that it knew.
      await place.touch(record.id, record.idleEndsAt);
      const now = await source.find(record.id);
      if (!now) {
        await place.destroy(record.id);
        return {};
      }
      const found = await place.find(record.id);
      if (!found) return {};
      // Another server may have brought it there before us, and written it since.
      return this.even(place === this.old ? { old: found, new: now } : { old: now, new: found });
    });
    return copied ?? withCopy(undefined);
  }

  /** What may fail without failing the request, since the next request tries it again. */
  private async attempt<T>(act: () => Promise<T>): Promise<T | undefined> {
    try {
      return await act();
    } catch {
      this.counters.failed++;
      return undefined;
    }
  }
}
