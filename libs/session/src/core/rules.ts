// What all sessions of a server are under: their two limits, their user's epoch, and the form of their content.
import type { Life } from '../port/abilities.js';
import type { Mark, SessionData, SessionRecord } from '../port/records.js';
import type { SiteCookies } from '../carriers/cookies.js';
import { endIn, type Codec, type Content, type Frame } from './codec.js';
import { firstEnd, isLiveAt } from './life.js';
import type { SessionEvent, SessionLimits } from './options.js';
import { withoutOwnNames } from './own-names.js';
import { Stored } from './stored.js';
import { createdAt } from './identity.js';

type Limited = Pick<SessionRecord, 'idleEndsAt' | 'endsAt' | 'payload'>;

export class SessionRules {
  /**
   * @param now milliseconds since 1970
   * @param isRolling whether a `maxAge` that was set counts from the last request
   */
  constructor(
    readonly limits: SessionLimits,
    readonly codec: Codec,
    readonly cookies: SiteCookies,
    readonly now: () => number,
    readonly emit: (event: SessionEvent) => void,
    readonly isRolling = false,
  ) {}

  /** Whether a session with this id has passed every limit that there is, so that there is nothing to read. */
  isForgotten(id: string): boolean {
    const { lifetime, rememberLifetime } = this.limits;
    return this.now() >= createdAt(id) + Math.max(lifetime, rememberLifetime);
  }

  /** @param at milliseconds since 1970: when the record was asked for, where the answer may have come late */
  isWithinLimits(record: Limited, at = this.now()): boolean {
    return at < firstEnd(record);
  }

  /** The absolute limit, or the earlier end that a handler has set. */
  endOf({ endsAt, payload }: Limited): number {
    return Math.min(endsAt, endIn(payload));
  }

  /** Within both limits, and of its user's epoch. @param at as of `isWithinLimits` */
  isLive(life: Life, at = this.now()): boolean {
    return isLiveAt(life, at);
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
    if (!content) this.emit({ type: 'damaged', id: record.id });
    return content && { ...content, data: withoutOwnNames(content.data) };
  }

  stored(record: SessionRecord, mark?: Mark): Stored | undefined {
    const content = this.decode(record);
    return content && this.asStored(record, content, mark);
  }

  /** @param decoded the record's content, where nobody else holds it. */
  asStored(record: SessionRecord, frame: Frame, mark?: Mark, decoded?: SessionData): Stored {
    return new Stored(record, frame, this.codec, mark, decoded);
  }
}
