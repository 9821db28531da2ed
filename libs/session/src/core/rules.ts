// What all sessions of a server are under: their two limits, their user's epoch, and the form of their content.
import type { Found, Mark, SessionData, SessionRecord } from '../port/records.js';
import type { Codec, Content } from './codec.js';
import type { SessionEvent, SessionLimits } from './options.js';
import { isOwnName } from './own-names.js';
import { Stored } from './stored.js';
import { createdAt } from './identity.js';

export class SessionRules {
  /**
   * @param secure whether the site is on https
   * @param now milliseconds since 1970
   */
  constructor(
    readonly limits: SessionLimits,
    readonly codec: Codec,
    readonly secure: boolean,
    readonly now: () => number,
    readonly emit: (event: SessionEvent) => void,
  ) {}

  /** Whether a session with this id has passed every limit that there is, so that there is nothing to read. */
  isForgotten(id: string): boolean {
    const { lifetime, rememberLifetime } = this.limits;
    return this.now() >= createdAt(id) + Math.max(lifetime, rememberLifetime);
  }

  isWithinLimits({ idleEndsAt, endsAt }: SessionRecord): boolean {
    return this.now() < Math.min(idleEndsAt, endsAt);
  }

  /** Within both limits, and of its user's epoch. */
  isLive({ record, userEpoch }: Found): boolean {
    return this.isWithinLimits(record) && !(record.userId !== null && record.epoch < userEpoch);
  }

  idleLimit(remember: boolean): number {
    return remember ? this.limits.rememberIdle : this.limits.idle;
  }

  /** The ends of both limits for a session that begins at `start`. */
  lifeFrom(start: number, remember: boolean): Pick<SessionRecord, 'idleEndsAt' | 'endsAt'> {
    const { rememberLifetime, lifetime } = this.limits;
    return { idleEndsAt: start + this.idleLimit(remember), endsAt: start + (remember ? rememberLifetime : lifetime) };
  }

  /** Whether the touch interval is over. */
  isTouchDue({ record, remember }: Stored): boolean {
    return this.now() >= record.idleEndsAt - this.idleLimit(remember) + this.limits.touch;
  }

  /** The content; undefined where it is damaged, which is reported. */
  decode(record: SessionRecord): Content | undefined {
    const content = this.codec.decode(record.payload);
    if (content && !Object.keys(content.data).some(isOwnName)) return content;
    this.emit({ type: 'damaged', id: record.id });
    return undefined;
  }

  stored(record: SessionRecord, mark?: Mark): Stored | undefined {
    const content = this.decode(record);
    return content && this.asStored(record, content, mark);
  }

  /** @param decoded the record's content, where nobody else holds it. */
  asStored(record: SessionRecord, content: Omit<Content, 'data'>, mark?: Mark, decoded?: SessionData): Stored {
    return new Stored(record, content, this.codec, mark, decoded);
  }
}
