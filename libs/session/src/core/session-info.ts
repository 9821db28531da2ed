// What a session tells of itself.
import type { Carried } from '../carriers/carrier.js';
import type { Commits } from './commits.js';
import { createdAt } from './identity.js';

/** Milliseconds since 1970. */
export interface SessionInfo {
  readonly method: string;
  readonly createdAt: number;
  readonly idleExpiresAt: number;
  readonly expiresAt: number;
  /** Whether it began with "keep me signed in". */
  readonly remember: boolean;
  /**
   * Set while the store cannot answer, by the outage policy `read-only`: the session is shown as it was at this moment.
   * Any change throws `SessionOutageError`; an identity that is only remembered is not enough for acts of power.
   */
  readonly asOf?: number;
  /** Set after `destroy` when the store could not take it: the browser is logged out, all servers follow later. */
  readonly endIsPending?: true;
}

export function infoOf({ stored, lifetime }: Commits, { asOf, sessions }: Carried, now: number): SessionInfo {
  const start = stored ? createdAt(stored.record.id) : now;
  const { idleEndsAt, endsAt } = lifetime.limits(stored, start);
  return {
    method: sessions.capabilities.method,
    createdAt: start,
    idleExpiresAt: idleEndsAt,
    expiresAt: endsAt,
    remember: lifetime.isRemembered(stored),
    ...(stored && asOf !== undefined && { asOf }),
  };
}
