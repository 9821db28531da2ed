// A leader's changes, each unconfirmed until a majority holds it and the leader has found that it still leads.
import { StoreUnavailableError } from '../../core/errors.js';
import { latestMoment } from '../../replica/replica.js';
import type { Copies, Kept } from './copies.js';
import type { Leadership } from './leadership.js';
import { keyOf, type Entry, type Key } from './messages.js';

/** This server does not lead, or leads no more: another one may be asked, and a repeated write counts once. */
export class NotLeadingError extends StoreUnavailableError {
  static readonly text = 'This server does not lead.';

  constructor() {
    super(NotLeadingError.text);
  }
}

/** A session, or a user's epochs, as it was confirmed last; the changes of now may still be lost. */
interface Unconfirmed {
  confirmed: Kept | undefined;
  /** Which of the runs has confirmed that: one that began earlier may end later. */
  turn: number;
  /** The last run. */
  running: Promise<unknown>;
}

export class Confirmation {
  private readonly open = new Map<Key, Unconfirmed>();
  private readonly running = new Set<Promise<unknown>>();
  private turns = 0;

  /** @param spread resolves when a majority holds the entry; throws when it does not */
  constructor(
    private readonly leadership: Leadership,
    private readonly copies: Copies,
    private readonly spread: (entry: Entry, toAll: boolean, term: number) => Promise<void>,
  ) {}

  /** Keeps a change of this server and has it confirmed. @throws StoreUnavailableError when it may be lost */
  async commit(entry: Entry, toAll: boolean): Promise<void> {
    const key = keyOf(entry);
    const term = this.leadership.term();
    const isBelow = !('id' in entry) || latestMoment(entry) <= this.leadership.ceiling;
    if (term === undefined || !isBelow) throw new NotLeadingError();
    const before = this.copies.kept(key);
    this.copies.put(entry, false);
    const open = this.open.get(key) ?? { confirmed: before, turn: 0, running: Promise.resolve() };
    this.open.set(key, open);
    await this.confirm(key, open, term, toAll);
  }

  /**
   * Resolves when what this server shows of this entry is confirmed; tries again what has failed.
   * @throws StoreUnavailableError
   */
  async settle(key: Key): Promise<void> {
    const open = this.open.get(key);
    if (!open) return;
    await open.running.catch(() => undefined);
    const term = this.leadership.term();
    if (this.open.get(key) !== open || term === undefined) return;
    await this.confirm(key, open, term, false);
  }

  /** Whether this entry has changes that may still be lost. */
  isOpen(key: Key): boolean {
    return this.open.has(key);
  }

  /** What a peer may be given of this entry: what a majority holds. */
  confirmed(key: Key): Kept | undefined {
    const open = this.open.get(key);
    return open ? open.confirmed : this.copies.kept(key);
  }

  /** Tries again to confirm what has failed. To be called now and then while this server leads. */
  retry(): void {
    for (const [key, { running }] of this.open) if (!this.running.has(running)) this.settle(key).catch(() => undefined);
  }

  /** Resolves when what is unconfirmed now has been confirmed, or has failed. */
  async pending(): Promise<void> {
    await Promise.allSettled(Array.from(this.open.values(), ({ running }) => running));
  }

  /** Resolves when no change is on its way. */
  async settled(): Promise<void> {
    while (this.running.size > 0) await Promise.allSettled(this.running);
  }

  /**
   * This server leads no more: what no majority holds is taken back, and comes again if another server has it.
   * Returns how many entries that were.
   */
  rollBack(): number {
    const count = this.open.size;
    for (const [key, { confirmed }] of this.open) this.copies.restore(key, confirmed);
    this.open.clear();
    return count;
  }

  /** Has confirmed what is kept now, with all that came before it. */
  private async confirm(key: Key, open: Unconfirmed, term: number, toAll: boolean): Promise<void> {
    const kept = this.copies.kept(key);
    // Swept meanwhile: it has ended for good.
    if (!kept) return void this.open.delete(key);
    const turn = ++this.turns;
    const run = this.spread(JSON.parse(kept.json) as Entry, toAll, term);
    open.running = run;
    this.running.add(run);
    try {
      await run;
    } catch (error) {
      throw this.leadership.mayAcknowledge(term) ? error : new NotLeadingError();
    } finally {
      this.running.delete(run);
    }
    if (!this.leadership.mayAcknowledge(term)) throw new NotLeadingError();
    if (turn > open.turn) [open.turn, open.confirmed] = [turn, kept];
    // Another change may have come on top of it.
    if (this.copies.kept(key) === kept) this.open.delete(key);
  }
}
