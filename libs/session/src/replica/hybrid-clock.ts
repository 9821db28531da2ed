// Moments that all servers order alike, however much their clocks differ (Kulkarni et al., "Logical Physical Clocks").
import { hash } from 'node:crypto';

/** A moment, the same for every write of one server; moments of one server sort as text. */
export type Moment = string;

/** A moment and the server that it belongs to: all stamps, of all servers, sort as text. */
export type Stamp = string;

const TIME_DIGITS = 9;
const COUNT_DIGITS = 4;
export const MOMENT_LENGTH = TIME_DIGITS + COUNT_DIGITS;
export const ORIGIN_LENGTH = 6;
const COUNT_LIMIT = 36 ** COUNT_DIGITS;

/**
 * A hybrid logical clock: the server's clock, moved ahead by every stamp that it has seen. So a write that follows a
 * read is stamped later than the value that was read, also when that value's server has a clock that is minutes ahead.
 */
export class HybridClock {
  /** Six characters that stand for the server's name. */
  readonly origin: string;
  private time = 0;
  private count = 0;

  constructor(
    serverName: string,
    private readonly now: () => number = Date.now,
  ) {
    this.origin = originNamed(serverName);
  }

  /** A stamp later than all that this server has made or seen. */
  tick(): Stamp {
    this.advance(this.now(), -1);
    this.count++;
    if (this.count >= COUNT_LIMIT) this.advance(this.time + 1, 0);
    return digits(this.time, TIME_DIGITS) + digits(this.count, COUNT_DIGITS) + this.origin;
  }

  /** From now on all stamps are later than this moment, or stamp. */
  witness(stamp: Moment): void {
    this.advance(timeOf(stamp), parseInt(stamp.slice(TIME_DIGITS, MOMENT_LENGTH), 36));
  }

  /** A moment so many milliseconds after all that this server would stamp now. */
  ahead(milliseconds: number): Moment {
    return digits(Math.max(this.time, this.now()) + milliseconds, TIME_DIGITS) + digits(0, COUNT_DIGITS);
  }

  private advance(time: number, count: number): void {
    if (time < this.time || (time === this.time && count <= this.count)) return;
    this.time = time;
    this.count = count;
  }
}

/** Six characters that stand for this name. */
export function originNamed(name: string): string {
  return hash('sha256', name, 'base64url').slice(0, ORIGIN_LENGTH);
}

export function momentOf(stamp: Stamp): Moment {
  return stamp.slice(0, MOMENT_LENGTH);
}

/** Its milliseconds since 1970, by the server's clock that was furthest ahead. */
export function timeOf(stamp: Moment): number {
  return parseInt(stamp.slice(0, TIME_DIGITS), 36);
}

export function originOf(stamp: Stamp): string {
  return stamp.slice(MOMENT_LENGTH);
}

function digits(value: number, length: number): string {
  return value.toString(36).padStart(length, '0');
}
