// What of `req.session` is to be stored, what is put into it, and which changes of it came too late.
import type { Json, SessionData } from '../port/records.js';
import { SessionUsageError } from './errors.js';
import { isStill, sameJson, toJson } from './json-value.js';
import { changedKeys } from './merge.js';
import type { Session } from './session.js';
import type { Stored } from './stored.js';

export class Shown {
  /** What was changed too late and has been reported. */
  private late: Set<string> | undefined;
  private content: (() => SessionData | undefined) | undefined;

  /** @param object the session, whether its content has been put into it or not; undefined after `destroy` */
  constructor(
    readonly object: Session | undefined,
    private readonly onLate: (keys: readonly string[]) => void,
  ) {}

  /** Puts this content into the session when somebody looks at it: most of what a site serves needs none. */
  showLater(content: () => SessionData | undefined): void {
    this.content = content;
  }

  get session(): Session | undefined {
    const { content, object } = this;
    if (content) {
      this.content = undefined;
      Object.assign(object!, content());
    }
    return object;
  }

  get isEmpty(): boolean {
    return Object.keys(this.session!).length === 0 && this.symbol === undefined;
  }

  /** Whether the session is certainly as it is stored: what the handler has put in may look the same as JSON and not be it. */
  isAs(stored: Stored): boolean {
    if (this.content) return true;
    try {
      const { session, symbol } = this;
      return symbol === undefined && stored.isContentOf(session!);
    } catch {
      // A getter or a proxy of the handler.
      return false;
    }
  }

  /**
   * @param stored its content so far: values that are the same are taken from it
   * @throws SessionUsageError for what cannot be stored; it names the key
   */
  data(stored: SessionData = {}): SessionData {
    const data: Record<string, Json> = {};
    const { symbol } = this;
    if (symbol) throw new SessionUsageError(`session[${String(symbol)}] cannot be stored: a key must be a string.`);
    for (const [key, value] of Object.entries(this.session!)) {
      const isStored = Object.hasOwn(stored, key) && sameJson(value, stored[key]);
      const json = isStored ? stored[key] : toJson(key, value);
      if (json !== undefined) data[key] = json;
    }
    return data;
  }

  /** Puts this content into the session; values that are the same keep their identity. @param isKept keys that stay as they are */
  show(data: SessionData, isKept: (key: string) => boolean = () => false): void {
    const { session } = this;
    if (!session) return;
    for (const key of Object.keys(session)) if (!Object.hasOwn(data, key) && !isKept(key)) delete session[key];
    for (const [key, value] of Object.entries(data)) {
      if (isKept(key)) continue;
      if (!Object.hasOwn(session, key) || !isStill(key, session[key], value)) session[key] = structuredClone(value);
    }
  }

  /** The same for what another request has stored; what the handler has changed since `seen` stays as the handler has it. */
  follow(data: SessionData, seen: SessionData): void {
    if (!this.session) return;
    const changed = changedKeys(seen, this.session);
    this.show(data, (key) => changed.has(key) || (data[key] === seen[key] && Object.hasOwn(data, key)));
  }

  /** A key that JSON would leave out. */
  private get symbol(): symbol | undefined {
    const { session } = this;
    return Object.getOwnPropertySymbols(session!).find((symbol) =>
      Object.prototype.propertyIsEnumerable.call(session, symbol),
    );
  }

  // --- what comes after the commit

  /** Reports what was changed after the commit, each key once. */
  reportChangesSince(stored: Stored | undefined): void {
    if (this.object && (stored ? !this.isAs(stored) : !this.isEmpty))
      this.reportLate(changedKeys(stored?.data ?? {}, this.object));
  }

  reportLate(keys: Iterable<string>): void {
    const late = (this.late ??= new Set());
    const fresh = [...keys].filter((key) => !late.has(key));
    if (fresh.length === 0) return;
    for (const key of fresh) late.add(key);
    this.onLate(fresh);
  }

  /** @throws SessionUsageError when something was changed too late */
  assertNothingLate(): void {
    if (this.late?.size) throw tooLate([...this.late]);
  }
}

export function tooLate(keys: readonly string[]): SessionUsageError {
  return new SessionUsageError(
    `The session was changed after the response had begun, which is not kept: ${keys.join(', ')}. ` +
      'Change it before the first byte of the response.',
  );
}

export function replaced(): SessionUsageError {
  return new SessionUsageError(
    'A handler has put another object in the place of req.session, which is not kept: set keys of req.session instead. ' +
      'To begin a new session call req.session.regenerate(), to sign out req.session.destroy().',
  );
}
