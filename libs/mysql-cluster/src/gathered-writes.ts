// Updates by key that arrive in the same turn of the event loop, as one statement and one commit on their node.
import type { StatementResult, WriteHeader } from './connection.js';
import { Gathering, type Member } from './gathering.js';
import type { KeyedUpdate, Statement } from './types.js';

const LARGEST = 32;
/** So much goes together at most: a large change must not hold up the others. */
const LARGEST_BYTES = 256 * 1024;

/** How an update ended: with its header, or as one of several of which not all have matched. */
export interface Written {
  readonly header: WriteHeader;
  /** Whether the row was changed, where that is known. */
  readonly affectedRows: number | undefined;
}

type Update = KeyedUpdate<unknown>;
type Write = Member<unknown, Written>;

/** See `Cluster.writeByKey`. */
export class GatheredWrites extends Gathering<Update, unknown, Written> {
  private readonly underWayKeys = new Set<string>();

  /** One of each key at a time: a second change of a row would only meet the first one's lock. */
  protected take(by: Update, waiting: Write[]): Write[] {
    const batch = new Map<string, Write>();
    const left: Write[] = [];
    let bytes = 0;
    for (const write of waiting) {
      const size = by.bytesOf(write.value);
      const fits = batch.size < LARGEST && (batch.size === 0 || bytes + size <= LARGEST_BYTES);
      if (!fits || batch.has(write.key) || this.underWayKeys.has(write.key)) left.push(write);
      else {
        batch.set(write.key, write);
        bytes += size;
      }
    }
    waiting.splice(0, Infinity, ...left);
    for (const key of batch.keys()) this.underWayKeys.add(key);
    // All servers lock in the same order.
    return [...batch.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  protected override ended(batch: readonly Write[]): void {
    for (const { key } of batch) this.underWayKeys.delete(key);
  }

  protected together(by: Update, batch: readonly Write[]): Statement {
    return by.together(batch.map(({ value }) => value));
  }

  protected alone(by: Update, value: unknown): Statement {
    return by.alone(value);
  }

  protected answers(_by: Update, batch: readonly Write[], result: StatementResult): Written[] {
    const header = result as WriteHeader;
    const all = header.affectedRows === batch.length;
    return batch.map(() => ({ header, affectedRows: all ? 1 : undefined }));
  }

  protected answerAlone(result: StatementResult): Written {
    const header = result as WriteHeader;
    return { header, affectedRows: header.affectedRows };
  }
}
