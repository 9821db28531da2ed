// Sessions that a store keeps: the browser holds a token, which opens its session, and a mark, which tells how new it is.
import type { Found, Mark, SessionRecord, SessionSecrets } from '../port/records.js';
import type { SessionStore } from '../port/store.js';
import { StoreUnavailableError } from '../core/errors.js';
import { hashSecret } from '../core/identity.js';
import {
  Carried,
  type AddedHeader,
  type Carrier,
  type CarrierContext,
  type Committed,
  type Incoming,
  type Recalled,
} from './carrier.js';
import type { CookieSet } from './cookies.js';
import { equal, type Token } from './token.js';

/** Of how many sessions one request may bring tokens: each may be a read. */
const MOST_SESSIONS = 3;

/**
 * The token cookie is set only when a session is created, at login, at renewal, at the end, and when its `maxAge` is to
 * be told, so that a late response never puts an old token back. The mark tells any server whether the copy that it reads is new enough.
 */
export class KeptCarrier implements Carrier {
  readonly holdsContent = false;

  constructor(
    private readonly sessions: SessionStore,
    private readonly context: CarrierContext,
  ) {}

  async open(incoming: Incoming): Promise<KeptCarried> {
    let first: KeptCarried | undefined;
    for (const tokens of this.tokensOf(incoming)) {
      const carried = await this.openToken(incoming, tokens, this.markOf(incoming, tokens[0]));
      if (carried.found) return carried;
      first ??= carried;
    }
    return first ?? this.carried(incoming);
  }

  recall(incoming: Incoming): Recalled | undefined {
    const [token] = this.tokensOf(incoming)[0] ?? [];
    return token && { id: token.id, seen: this.markOf(incoming, token) };
  }

  signedOut(incoming: Incoming): readonly AddedHeader[] {
    return this.cookiesOf(incoming).expired();
  }

  /**
   * @param tokens of one session
   * @param isForeign whether the browser holds another token than this one, so that the response must carry it
   */
  async openToken(
    incoming: Incoming,
    tokens: readonly Token[],
    seen: Mark | undefined,
    isForeign = false,
  ): Promise<KeptCarried> {
    const [{ id }] = tokens as [Token];
    const found = await this.sessions.find(id, seen);
    if (!found) return this.carried(incoming, undefined, id);
    if (!this.context.rules.isLive(found)) return this.carried(incoming);
    const token = tokens.find(({ hash }) => this.opens(found.record, hash));
    if (!token) this.noteTheft(found.record);
    return this.carried(incoming, token && { token, seen, found, isForeign });
  }

  private carried(incoming: Incoming, browser?: Browser, lostId?: string): KeptCarried {
    return new KeptCarried(this.sessions, this.context, this.cookiesOf(incoming), browser, lostId);
  }

  private cookiesOf(incoming: Incoming): CookieSet {
    return this.context.rules.cookies.of(incoming);
  }

  private opens({ secrets }: SessionRecord, hash: string): boolean {
    const { current, next, previous, previousUntil = 0 } = secrets;
    const inGrace = previous !== undefined && equal(hash, previous) && this.context.rules.now() <= previousUntil;
    return equal(hash, current) || (next !== undefined && equal(hash, next)) || inGrace;
  }

  /** Only we issue tokens for this id: one that opens nothing was ours and has been replaced, so somebody kept a copy. */
  private noteTheft({ id, userId }: SessionRecord): void {
    this.context.rules.emit({ type: 'theft', id, userId });
    this.context.background(this.sessions.destroy(id).then(() => undefined));
  }

  /**
   * The tokens that we issued, by session, wherever they stand: others may come from another host or path, and an old one of
   * ours may be a twin that no response has deleted.
   */
  private tokensOf(incoming: Incoming): [Token, ...Token[]][] {
    const { tokens, rules } = this.context;
    const byId = new Map<string, [Token, ...Token[]]>();
    for (const sealed of this.cookiesOf(incoming).sent(incoming, 'token')) {
      const token = tokens.open(sealed);
      if (!token || rules.isForgotten(token.id)) continue;
      const known = byId.get(token.id);
      if (known) known.push(token);
      else if (byId.size < MOST_SESSIONS) byId.set(token.id, [token]);
    }
    return [...byId.values()];
  }

  private markOf(incoming: Incoming, { id }: Token): Mark | undefined {
    const marks = this.cookiesOf(incoming).sent(incoming, 'mark');
    return marks.map((sealed) => this.context.tokens.openMark(sealed, id)).find((mark) => mark !== undefined);
  }
}

/** What the browser has sent, and the session that it opens. */
interface Browser {
  readonly token: Token;
  readonly seen: Mark | undefined;
  readonly found: Found;
  readonly isForeign: boolean;
}

class KeptCarried extends Carried {
  readonly #browser: Browser | undefined;

  constructor(
    private readonly store: SessionStore,
    private readonly context: CarrierContext,
    private readonly cookies: CookieSet,
    browser: Browser | undefined,
    private readonly lost: string | undefined,
  ) {
    super(store, browser?.found);
    this.#browser = browser;
  }

  override get lostId(): string | undefined {
    return this.lost;
  }

  look({ id }: SessionRecord, mark?: Mark): Promise<Found | undefined> {
    return this.store.find(id, mark);
  }

  override async wasMade(id: string): Promise<boolean> {
    try {
      return (await this.store.find(id)) !== undefined;
    } catch (error) {
      // A login need not fail for what is hardly ever there.
      if (error instanceof StoreUnavailableError) return false;
      throw error;
    }
  }

  /** Nobody waits for it, and a failed one never fails a request. */
  touch(record: SessionRecord, idleEndsAt: number): SessionRecord {
    const { background, rules } = this.context;
    const failed = (error: unknown) => rules.emit({ type: 'touch-failed', id: record.id, error });
    background(this.store.touch(record.id, idleEndsAt).catch(failed));
    return { ...record, idleEndsAt };
  }

  /**
   * A renewal has two steps: the successor is handed out, and takes over when the browser comes back with it; so an
   * answer that is lost logs nobody out.
   */
  override renewed(record: SessionRecord, isTouchDue: boolean): SessionSecrets | undefined {
    const browser = this.browserOf(record);
    if (!browser) return undefined;
    const { tokens, rules } = this.context;
    const { secrets } = record;
    if (secrets.next !== undefined) {
      if (!equal(browser.token.hash, secrets.next)) return undefined;
      const previousUntil = rules.now() + rules.limits.grace;
      return { current: secrets.next, since: secrets.since, previous: secrets.current, previousUntil };
    }
    const isDue = rules.now() >= secrets.since + rules.limits.renew && isTouchDue;
    if (!isDue || !equal(browser.token.hash, secrets.current)) return undefined;
    return { ...secrets, since: rules.now(), next: hashSecret(tokens.successors(browser.token)[0]) };
  }

  carry(committed: Committed | undefined): readonly AddedHeader[] {
    const { cookies } = this;
    const { tokens } = this.context;
    if (!committed) return cookies.expired();
    const { record, mark, maxAge, isReset } = committed;
    const headers: AddedHeader[] = [];
    const secret = this.secretFor(committed);
    if (secret) headers.push(cookies.set('token', tokens.seal(record.id, secret), maxAge));
    // The browser of a new token has seen nothing of the session yet.
    if (isReset || mark !== this.browserOf(record)?.seen)
      headers.push(cookies.set('mark', tokens.sealMark(record.id, mark), maxAge));
    return headers;
  }

  /** What the browser must be given: undefined while it keeps what it has. */
  private secretFor({ record, secret, isReset }: Committed): Buffer | undefined {
    const browser = this.browserOf(record);
    if (!browser) return secret;
    const { current, next } = record.secrets;
    if (next === undefined && !isReset && !browser.isForeign) return undefined;
    const { token } = browser;
    const successors = (hash: string) =>
      this.context.tokens.successors(token).find((candidate) => hashSecret(candidate) === hash);
    const isCurrent = equal(token.hash, current);
    // Also once more while the browser has not come back with it.
    const successor = next !== undefined && isCurrent ? successors(next) : undefined;
    if (successor) return successor;
    if (browser.isForeign) return token.secret;
    if (!isReset) return undefined;
    // A parallel request has got the successor already: the token of this one is about to open nothing.
    return isCurrent || equal(token.hash, next ?? '') ? token.secret : successors(current);
  }

  /** Undefined where this request has begun another session than the browser's. */
  private browserOf({ id }: SessionRecord): Browser | undefined {
    return this.#browser?.token.id === id ? this.#browser : undefined;
  }
}
