// The `cookie` method: the whole session sealed in the browser's cookie; servers share only what was ended early.
import { biggestKeys } from '../../core/codec.js';
import { SessionTooLargeError, SessionUsageError } from '../../core/errors.js';
import type { SessionEpochs } from '../../port/abilities.js';
import type { Found, SessionData, SessionRecord, WriteResult } from '../../port/records.js';
import type { SessionCapabilities } from '../../port/store.js';
import type { Carrier, CarrierContext } from '../../carriers/carrier.js';
import { SealedCarrier, type SealedSessions, type Unsealed } from '../../carriers/sealed.js';
import { hide } from '../../core/hide.js';
import { createdAt } from '../../core/identity.js';
import type { RevocationList } from './revocation/revocation-list.js';
import { Sealer } from './sealer.js';

export interface CookieSessionOptions {
  /** Each at least 32 characters; the first seals, all open. The same on every server. */
  readonly secrets: readonly string[];
  /** Where the cookies are for: the site's origin. Cookies of another are not opened, though the secrets be the same. */
  readonly audience: string;
  readonly revocations: RevocationList;
  /** Milliseconds: the longest absolute limit of any session. What is older is refused, so revocations may end then. */
  readonly lifetimeMs: number;
  /** Milliseconds since 1970; for tests. */
  readonly now?: () => number;
}

/** What RFC 6265 (section 6.1) makes browsers keep: bytes of name, value and attributes together. */
const COOKIE_BYTES = 4096;
/**
 * As the middleware sets it with the site's usual options: so that a session which fits on http fits on https. Browsers
 * count the attributes apart (RFC 6265bis, section 5.4), so a long name or domain costs nothing.
 */
const AROUND = '__Host-sid=; Max-Age=9999999999; Path=/; HttpOnly; Secure; SameSite=Lax';
const VALUE_BYTES = COOKIE_BYTES - AROUND.length;

/** What stands before the content at most: a head with a user's id of 64 characters, and what a payload has beside it. */
const FRAME_BYTES = 300;
/** How many bytes of JSON every session may hold. */
const CONTENT_BYTES = Sealer.bytesIn(VALUE_BYTES) - FRAME_BYTES;

/** By how much servers' clocks may differ, and how long a request may run between the id's making and the session's. */
const SLACK_MS = 10 * 60_000;

/** What stands before the payload. The secrets and write ids of the other methods have no use here. */
type Head = [id: string, version: number, idleEndsAt: number, endsAt: number, epoch: number, userId: string | null];

/**
 * Sessions that live in the browser. No read and no write of any place per request; a logout is one small entry in the
 * revocation list, which each server knows by heart.
 *
 * What it cannot: list a user's sessions, keep both of two parallel writes, update atomically, and notice a stolen
 * cookie: a copy works as the original does until its idle limit passes, the session ends or the user ends them all.
 * Whoever holds the cookie can go back to an earlier state of the same session, so what must not be taken back (a
 * role, a count of attempts) belongs in a new session (`regenerate`) or elsewhere.
 */
export class CookieSessions implements SealedSessions, SessionEpochs {
  readonly capabilities: SessionCapabilities = {
    method: 'cookie',
    mergesKeys: false,
    atomicUpdate: false,
    logoutWithinMs: 1000,
    readsWhatYouSaw: true,
    contentBytes: CONTENT_BYTES,
  };
  private readonly sealer: Sealer;
  private readonly now: () => number;

  constructor(private readonly options: CookieSessionOptions) {
    hide(this, 'options');
    this.sealer = new Sealer(options.secrets, 'session', options.audience);
    this.now = options.now ?? Date.now;
  }

  carrier(sessions: SealedSessions, context: CarrierContext): Carrier {
    return new SealedCarrier(sessions, context);
  }

  seal(record: SessionRecord): string {
    return this.sealer.seal(this.encode(record));
  }

  unseal(token: string): Unsealed | undefined {
    if (token.length > VALUE_BYTES) return undefined;
    const opened = this.sealer.open(token);
    return opened && { record: decode(opened.plain), outdated: opened.outdated };
  }

  async admit(record: SessionRecord): Promise<Found | undefined> {
    if (await this.hasEnded(record.id)) return undefined;
    const { userId } = record;
    return { record, userEpoch: userId === null ? 0 : this.options.revocations.knownEpoch(userId) };
  }

  mayHaveEnded({ id, userId, epoch }: SessionRecord): boolean {
    const { revocations } = this.options;
    if (this.now() >= this.forgottenAt(id) || revocations.isRevoked(id)) return true;
    return userId !== null && epoch < revocations.knownEpoch(userId);
  }

  /** @throws SessionTooLargeError when the cookie would be too large; the message names the biggest keys. */
  async create(record: SessionRecord): Promise<WriteResult> {
    if (record.endsAt > this.forgottenAt(record.id)) {
      throw new SessionUsageError(
        `The session would last ${record.endsAt - createdAt(record.id)} ms, longer than lifetimeMs ` +
          `(${this.options.lifetimeMs}): raise lifetimeMs or lower the absolute limit.`,
      );
    }
    return this.write(record);
  }

  /** @throws SessionTooLargeError when the cookie would be too large; the message names the biggest keys. */
  update(record: SessionRecord): Promise<WriteResult> {
    return this.write(record);
  }

  /** Nothing to do: the token with the later limit is the touch. */
  async touch(): Promise<void> {}

  /** Ends every state of the session: which one the browser holds cannot be known. */
  async destroy(id: string): Promise<WriteResult> {
    await this.options.revocations.revoke(id, this.forgottenAt(id));
    return { status: 'done' };
  }

  sweep(before: number, limit: number): Promise<number> {
    return this.options.revocations.sweep(before, limit);
  }

  epochOf(userId: string): Promise<number> {
    return this.options.revocations.epochOf(userId);
  }

  raiseEpoch(userId: string): Promise<number> {
    return this.options.revocations.raiseEpoch(userId, this.now() + this.options.lifetimeMs + SLACK_MS);
  }

  private async write(record: SessionRecord): Promise<WriteResult> {
    this.encode(record);
    return { status: (await this.hasEnded(record.id)) ? 'gone' : 'done' };
  }

  private async hasEnded(id: string): Promise<boolean> {
    const { revocations } = this.options;
    // Its revocation may be forgotten from now on.
    if (this.now() >= this.forgottenAt(id) || revocations.isRevoked(id)) return true;
    await revocations.ensureFresh();
    return revocations.isRevoked(id);
  }

  /** When no server accepts this session any more, whatever its limits say. */
  private forgottenAt(id: string): number {
    return createdAt(id) + this.options.lifetimeMs + SLACK_MS;
  }

  /** Not compressed: the length would tell what the content has in common with what a visitor can put into it. */
  private encode(record: SessionRecord): Buffer {
    const { id, version, idleEndsAt, endsAt, epoch, userId, payload } = record;
    const head: Head = [Buffer.from(id, 'hex').toString('base64url'), version, idleEndsAt, endsAt, epoch, userId];
    const plain = Buffer.from(`${JSON.stringify(head)}\n${payload}`);
    const bytes = AROUND.length + Sealer.lengthOf(plain.length);
    if (bytes > COOKIE_BYTES) {
      throw new SessionTooLargeError(
        `The cookie of the session would take ${bytes} bytes; browsers keep at most ${COOKIE_BYTES}. ` +
          `Store less in the session. The biggest keys: ${biggestKeys((JSON.parse(payload) as { d: SessionData }).d)}`,
        bytes,
        COOKIE_BYTES,
      );
    }
    return plain;
  }
}

/** Only what `encode` made comes here: it is authentic and of this format. */
function decode(plain: Buffer): SessionRecord {
  const text = plain.toString();
  const end = text.indexOf('\n');
  const [id, version, idleEndsAt, endsAt, epoch, userId] = JSON.parse(text.slice(0, end)) as Head;
  return {
    id: Buffer.from(id, 'base64url').toString('hex'),
    version,
    secrets: { current: '', since: 0 },
    payload: text.slice(end + 1),
    idleEndsAt,
    endsAt,
    userId,
    epoch,
    writes: [],
  };
}
