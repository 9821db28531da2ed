// What the users of a fault test did and what they were told: one entry per request.

export type Action = 'register' | 'login' | 'me' | 'read' | 'write' | 'logout' | 'list' | 'revoke' | 'end-others';

/**
 * - `ok`: acknowledged;
 * - `failed`: it certainly had no effect (refused with 4xx, or never sent);
 * - `unknown`: no answer, or an answer that leaves it open (5xx): it may have had its effect.
 */
export type Outcome = 'ok' | 'failed' | 'unknown';

/** One request. Times are milliseconds of one clock that only moves forward. */
export interface Operation {
  readonly action: Action;
  readonly user: string;
  /** Whom the browser was signed in as, by name of the login: `u3.phone.2`. */
  readonly token?: string;
  /** The login that this request makes. */
  readonly makes?: string;
  /** The logins that this request ends; `others`: all of the user's that are not the sender's. */
  readonly ends?: readonly string[] | 'others';
  /** Which cart it is about; a browser keeps it over a login. */
  readonly cart?: string;
  readonly key?: string;
  readonly value?: number;
  /** Where it was sent: `nginx`, or a web server's name. */
  readonly via: string;
  /**
   * Sent together with another write of the same browser, which may keep the other one's answer: where a method has no
   * home for a session, its effect is promised to be seen when all is quiet only.
   */
  readonly isLoose?: boolean;
  /** Sent when all is quiet. */
  readonly isFinal?: boolean;

  readonly begun: number;
  readonly ended: number;
  readonly outcome: Outcome;
  /** Undefined when no whole answer came. */
  readonly status: number | undefined;
  readonly retryAfter?: boolean;
  /** Which web server answered. */
  readonly server?: string;
  /** Whose account the answer shows. */
  readonly who?: string;
  /** The cart that the answer shows. */
  readonly seen?: Readonly<Record<string, number>>;
  /** Shown from the copy that the browser keeps for an outage: that the session was, not that it is. */
  readonly fromCopy?: boolean;
  /** What was said instead of what was asked for. */
  readonly fault?: string;
}

/** Told to come again: the only answer that a fault may cost, where one is promised to. */
export function isRefusal({ status, retryAfter }: Operation): boolean {
  return status === 503 && retryAfter === true;
}

/** What a request was, for people: `12.345–12.360 s  u3.phone.2  write k2 = 7  by nginx (web2)  ok 200`. */
export function describeOperation(operation: Operation, zero = 0): string {
  const { action, user, token, makes, key, value, via, server, begun, ended, outcome, status, fault, seen, who } =
    operation;
  const seconds = (ms: number) => ((ms - zero) / 1000).toFixed(3);
  const what = key === undefined ? action : `${action} ${key} = ${value}`;
  return [
    `${seconds(begun)}–${seconds(ended)} s`,
    token ?? `${user} (a visitor)`,
    makes === undefined ? what : `${what} as ${makes}`,
    `by ${via}${server !== undefined && server !== via ? ` (${server})` : ''}`,
    `${outcome} ${status ?? fault ?? ''}`.trimEnd(),
    ...(who === undefined ? [] : [`sees ${who}`]),
    ...(operation.fromCopy ? ['from a copy'] : []),
    ...(seen === undefined ? [] : [`sees ${JSON.stringify(seen)}`]),
  ].join('  ');
}
