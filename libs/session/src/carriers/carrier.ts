// How a session travels with the browser: all that differs between one kind of cookies, or headers, and another.
import type { IncomingHttpHeaders } from 'node:http';
import type { Found, Mark, SessionRecord, SessionSecrets, WriteResult } from '../port/records.js';
import type { SessionStore, SessionWriter } from '../port/store.js';
import type { RepeatSafety } from '../core/repeat-safety.js';
import type { SessionRules } from '../core/rules.js';
import type { Tokens } from './token.js';

/** What all carriers of a server share. */
export interface CarrierContext {
  readonly rules: SessionRules;
  readonly tokens: Tokens;
  /** Lets something run on after the response; the server waits for it before it closes. */
  readonly background: (work: Promise<void>) => void;
}

/** What of a request a carrier may read. */
export interface Incoming {
  /** By name; several values where the browser has sent several. */
  readonly cookies: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly headers?: IncomingHttpHeaders;
  /** Whether the request came by https. */
  readonly isHttps?: boolean;
}

/** A header of the response. */
export interface AddedHeader {
  readonly name: string;
  readonly value: string;
}

/** The session as a response leaves it. */
export interface Committed {
  readonly record: SessionRecord;
  readonly mark: Mark;
  /** What opens the session, where this request has created it. */
  readonly secret: Buffer | undefined;
  /** How long the browser keeps it, in milliseconds; null: until it is closed. */
  readonly maxAge: number | null;
  /** Whether the browser must be told its `maxAge` once more, though it holds the session already. */
  readonly isReset: boolean;
}

/** A session as it was a moment ago, to be shown while the store cannot answer. */
export interface Copy {
  readonly record: SessionRecord;
  readonly mark: Mark;
  /** When the store was asked, in milliseconds since 1970. */
  readonly takenAt: number;
}

/** What the browser alone says of its session. All of it is authentic. */
export interface Recalled {
  readonly id: string;
  /** What the browser has seen of the session. */
  readonly seen: Mark | undefined;
  /** Where the browser holds the session itself. */
  readonly copy?: Copy;
}

/**
 * Opens the session of each request: the `Carried` that it gives says what the response must carry. One per server. The
 * life cycle works with any carrier and never asks which one it has.
 */
export interface Carrier {
  /** Whether the browser holds the session itself. A stolen copy then works as the original does, and nobody notices. */
  readonly holdsContent: boolean;
  /**
   * The session of this request: at most one read, and none for what this site did not issue.
   * @throws StoreUnavailableError when nobody can tell whether there is one
   */
  open(incoming: Incoming, repeats: RepeatSafety): Promise<Carried>;
  /** What can be told without asking the store; undefined: nothing. */
  recall(incoming: Incoming): Recalled | undefined;
  /** The headers that sign the browser of this request out. */
  signedOut(incoming: Incoming): readonly AddedHeader[];
}

/** One request's session on its way from the browser and back. */
export abstract class Carried {
  /**
   * @param sessions where this request's changes are committed
   * @param found the session that may be used, its token checked; undefined: none. The life cycle decodes its content
   */
  constructor(
    readonly sessions: SessionWriter,
    readonly found?: Found,
  ) {}

  /** The id in the browser's token, where its session is no more: an earlier try of the request may have ended it. */
  get lostId(): string | undefined {
    return undefined;
  }

  /** Whether the session must be touched by this request, however short the last touch is ago. */
  get mustTouch(): boolean {
    return false;
  }

  /** Set where the session is shown as it was at this moment, in milliseconds since 1970. */
  get asOf(): number | undefined {
    return undefined;
  }

  /** The session as it is now; undefined when it has ended early. */
  abstract look(record: SessionRecord, mark?: Mark): Promise<Found | undefined>;

  /** The headers of a response that leaves this session, or none any more. Called after the commit. Never throws. */
  abstract carry(committed: Committed | undefined): readonly AddedHeader[];

  /** The session with its idle limit moved. A promise where the response must wait for that. */
  abstract touch(record: SessionRecord, idleEndsAt: number): SessionRecord | Promise<SessionRecord>;

  /**
   * Called with each record that was committed, the latest one last, so that `carry` need not fail.
   * @throws SessionUsageError when the browser cannot hold it
   */
  prepare(_record: SessionRecord): void {}

  /** The secrets as they must become; undefined when they stay. */
  renewed(_record: SessionRecord, _isTouchDue: boolean): SessionSecrets | undefined {
    return undefined;
  }

  /** Whether an earlier try of this request has made the session of this id. False if the store cannot tell. */
  async wasMade(_id: string): Promise<boolean> {
    return false;
  }

  /** Ends the session that a login has left, as `SessionWriter.destroy`. */
  leave(record: SessionRecord, ifVersion?: number): Promise<WriteResult> {
    return this.sessions.destroy(record.id, ifVersion);
  }

  /** Signs out. @returns false when the session has ended on this server only: all others follow later */
  async signOut({ id }: SessionRecord): Promise<boolean> {
    await this.sessions.destroy(id);
    return true;
  }

  /** @throws SessionOutageError where the session can be read only */
  assertWritable(): void {}
}

/** Sessions that do not travel as a store's do. */
export interface CarriedSessions extends SessionWriter {
  /** @param sessions these, or what stands before them to watch, count or change their calls */
  carrier(sessions: SessionWriter, context: CarrierContext): Carrier;
}

/** What a `SessionManager` works with. */
export type AnySessions = SessionStore | CarriedSessions;
