// Writes down for all servers what ends: many ends at once are one change of the document.
import { setTimeout as sleep } from 'node:timers/promises';
import { HybridClock } from '../../replica/hybrid-clock.js';
import { keyOf } from './documents.js';
import { endedLately, newestIn, NOTHING_ENDED } from './ended-lately.js';
import type { MirroredDocuments } from './mirrored-documents.js';

/** The only document of its kind. */
export const ENDS = keyOf('ends', 'ends');

/** What could not be written down is tried again after so many milliseconds. */
const AGAIN_MS = 1000;
/** Of so much it is remembered that it must still be written down. */
const MAX_WAITING = 2000;

export class EndHints {
  private readonly clock: HybridClock;
  private readonly waiting = new Set<string>();
  private running = Promise.resolve();
  private next: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private closed = false;

  /** @param waitMs the longest that an end waits for its hint */
  constructor(
    private readonly documents: Pick<MirroredDocuments, 'change'>,
    serverName: string,
    private readonly waitMs: number,
  ) {
    this.clock = new HybridClock(serverName);
  }

  /**
   * Carries out what ends this, and resolves when it has and every server can read of it. The hint alone fails nothing,
   * and is tried again: without it the end is told a minute later.
   */
  async during<T>(subject: string, work: Promise<T>): Promise<T> {
    const stop = new AbortController();
    const enough = sleep(this.waitMs, undefined, { ref: false, signal: stop.signal }).catch(() => undefined);
    const [result] = await Promise.all([work, Promise.race([this.add(subject), enough])]).finally(() => stop.abort());
    return result;
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }

  /** One change at a time: what comes meanwhile goes together in the next one. */
  private add(subject: string): Promise<void> {
    this.waiting.add(subject);
    this.next ??= this.running.then(() => {
      this.next = undefined;
      return (this.running = this.write());
    });
    return this.next;
  }

  private async write(): Promise<void> {
    const subjects = [...this.waiting];
    this.waiting.clear();
    try {
      await this.documents.change(ENDS, (known = NOTHING_ENDED) => {
        const newest = newestIn(known);
        if (newest !== '') this.clock.witness(newest);
        const stamp = this.clock.tick();
        const added = Object.fromEntries(subjects.map((subject) => [subject, stamp]));
        return endedLately({ ends: { ...known.ends, ...added }, since: known.since });
      });
    } catch {
      for (const subject of subjects) if (this.waiting.size < MAX_WAITING) this.waiting.add(subject);
      clearTimeout(this.timer);
      if (!this.closed) this.timer = setTimeout(() => void this.add(subjects[0]), AGAIN_MS).unref();
    }
  }
}
