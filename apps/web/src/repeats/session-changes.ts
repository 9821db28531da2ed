// What a handler changes in the session, so that it can be undone, or made again for a repeated request.
import type { Session } from '@roam/session';

/** Keys with their new values; a key alone was deleted. */
export type SessionChanges = readonly (readonly [key: string, value?: unknown])[];

export class SessionBefore {
  private readonly before: ReadonlyMap<string, string>;

  constructor(private readonly session: Session | undefined) {
    this.before = textsOf(session);
  }

  /** @throws {Error} if the handler has ended the session or put another one into its place, which cannot be made again */
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
    const after = textsOf(now);
    for (const [key, text] of this.before) if (after.get(key) !== text) now[key] = JSON.parse(text) as never;
  }
}

export function makeAgain(changes: SessionChanges, session: Session | undefined): void {
  if (!session) return;
  for (const [key, ...value] of changes) {
    if (value.length > 0) session[key] = value[0];
    else delete session[key];
  }
}

/** The session refuses what is not JSON when it is committed; here such a value is as one that is missing. */
function textsOf(session: Session | undefined): ReadonlyMap<string, string> {
  const texts = Object.entries(session ?? {}).map(([key, value]) => [key, JSON.stringify(value)] as const);
  return new Map(texts.filter(([, text]) => text !== undefined));
}
