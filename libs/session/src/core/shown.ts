// What of `req.session` is to be stored, what is put into it, and which changes of it came too late.
import type { Json, SessionData } from '../port/records.js';
import type { Codec } from './codec.js';
import { SessionUsageError } from './errors.js';
import { isStill, toJson } from './json-value.js';
import { changedKeys } from './merge.js';
import type { Session } from './session.js';
import type { Stored } from './stored.js';

export class Shown {
  /** What was changed too late and has been reported. */
  private readonly late = new Set<string>();

  /** @param session undefined after `destroy` */
  constructor(
    readonly session: Session | undefined,
    private readonly codec: Codec,
    private readonly onLate: (keys: readonly string[]) => void,
  ) {}

  get isEmpty(): boolean {
    return Object.keys(this.session!).length === 0 && this.symbol === undefined;
  }

  /** Whether the session is as it is stored: what the handler has put in may look the same as JSON and not be it. */
  isAs({ record, remember, schema, expiry }: Stored): boolean {
    try {
      return this.codec.encode({ data: this.data(), remember, schema, expiry }) === record.payload;
    } catch {
      return false;
    }
  }

  /** @throws SessionUsageError for what cannot be stored; it names the key */
  data(): SessionData {
    const data: Record<string, Json> = {};
    const { symbol } = this;
    if (symbol) throw new SessionUsageError(`session[${String(symbol)}] cannot be stored: a key must be a string.`);
    for (const [key, value] of Object.entries(this.session!)) {
      const json = toJson(key, value);
      if (json !== undefined) data[key] = json;
    }
    return data;
  }

  /** Puts this content into the session, apart from these keys; values that are the same keep their identity. */
  show(data: SessionData, except?: ReadonlySet<string>): void {
    const { session } = this;
    if (!session) return;
    for (const key of Object.keys(session)) if (!Object.hasOwn(data, key) && !except?.has(key)) delete session[key];
    for (const [key, value] of Object.entries(data)) {
      if (except?.has(key)) continue;
      if (!Object.hasOwn(session, key) || !isStill(key, session[key], value)) session[key] = structuredClone(value);
    }
  }

  /** The same for what another request has stored; what the handler has changed since `seen` stays as the handler has it. */
  follow(data: SessionData, seen: SessionData): void {
    if (this.session) this.show(data, changedKeys(seen, this.session));
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
    if (this.session && (stored ? !this.isAs(stored) : !this.isEmpty))
      this.reportLate(changedKeys(stored?.data ?? {}, this.session));
  }

  reportLate(keys: Iterable<string>): void {
    const fresh = [...keys].filter((key) => !this.late.has(key));
    if (fresh.length === 0) return;
    for (const key of fresh) this.late.add(key);
    this.onLate(fresh);
  }

  /** @throws SessionUsageError when something was changed too late */
  assertNothingLate(): void {
    if (this.late.size > 0) throw tooLate([...this.late]);
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
