// What a handler changes in the session, so that it can be undone, or made again for a repeated request.
import { toJson, type Session } from '@roam/session';

/** Keys with their new values; a key alone was deleted. */
export type SessionChanges = readonly (readonly [key: string, value?: unknown])[];

export class SessionBefore {
  private readonly before: ReadonlyMap<string, string>;

  constructor(private readonly session: Session | undefined) {
    this.before = textsOf(session);
  }

  /**
   * @throws {SessionUsageError} for a value that a session cannot hold
   * @throws {Error} if the handler has ended the session or put another one into its place, which cannot be made again
   */
  changes(now: Session | undefined): SessionChanges {
    if (now !== this.session)
      throw new Error(
        'a handler that regenerates or destroys the session is not repeatable by a claim: let it count once by itself, and ' +
          'say how with @Repeatable({ because })',
      );
    const after = textsOf(now);
    const keys = new Set([...this.before.keys(), ...after.keys()]);
    return [...keys]
      .filter((key) => this.before.get(key) !== after.get(key))
      .map((key) => (after.has(key) ? [key, JSON.parse(after.get(key)!) as unknown] : [key]));
  }

  /** Undoes what the handler has changed. */
  restore(now: Session | undefined): void {
    if (!now || now !== this.session) return;
    for (const key of Object.keys(now)) if (!this.before.has(key)) delete now[key];
    for (const [key, text] of this.before) if (!isText(key, now[key], text)) now[key] = JSON.parse(text) as never;
  }
}

export function makeAgain(changes: SessionChanges, session: Session | undefined): void {
  if (!session) return;
  for (const [key, ...value] of changes) {
    if (value.length > 0) session[key] = value[0];
    else delete session[key];
  }
}

function textsOf(session: Session | undefined): ReadonlyMap<string, string> {
  const values = Object.entries(session ?? {}).filter(([, value]) => value !== undefined);
  return new Map(values.map(([key, value]) => [key, JSON.stringify(toJson(key, value))]));
}

/** What a session cannot hold is no text of a value that it held. */
function isText(key: string, value: unknown, text: string): boolean {
  try {
    return JSON.stringify(toJson(key, value)) === text;
  } catch {
    return false;
  }
}
