// The sessions of one server: opens the session of each request, and sweeps those that have ended.
import type { IncomingMessage } from 'node:http';
import { inspect } from 'node:util';
import type { AnySessions, Carrier, CarrierContext, Incoming } from './carriers/carrier.js';
import { carrierOf } from './carriers/carrier-of.js';
import { SiteCookies } from './carriers/cookies.js';
import { Tokens } from './carriers/token.js';
import { EndWatch } from './core/end-watch.js';
import { Codec, CONTENT_BYTES } from './core/codec.js';
import { hide } from './core/hide.js';
import { defaultLimits, type SessionEvent, type SessionLimits, type SessionOptions } from './core/options.js';
import { RepeatSafety } from './core/repeat-safety.js';
import { RequestSession } from './core/request-session.js';
import { SessionRules } from './core/rules.js';
import { deriveKey } from './core/secrets.js';
import { VisitorRoom } from './core/visitor-room.js';
import { reopener, UpgradedSession } from './core/upgraded-session.js';
import { incomingOf } from './http/incoming.js';
import { GOING_AWAY, isOfSite, POLICY_VIOLATION, TRY_AGAIN_LATER, Upgrades } from './http/upgrades.js';
import { ReadOnlyOutage } from './outage/read-only-outage.js';
import type { SessionCapabilities } from './port/store.js';
import { UserSessions } from './user-sessions.js';

/** Ended sessions stay this long before they are swept, so that servers' clocks may differ. */
const SWEEP_DELAY = 10 * 60 * 1000;
const SWEEP_BATCH = 50;
/** The events that tell of a mistake in the app's own code. */
const MISTAKES: ReadonlySet<string> = new Set(['response-error', 'late-change', 'handshake-failed', 'end-failed']);

export class SessionManager {
  /** Lists and ends the sessions of a user. */
  readonly users: UserSessions;
  /** The names and attributes of the site's cookies, for the app's own ones too. */
  readonly cookies: SiteCookies;
  /** Tells open streams and sockets of the end of their session. */
  readonly ends: EndWatch;
  private readonly store: AnySessions;
  private readonly carrier: Carrier;
  private readonly context: CarrierContext;
  readonly #repeatKey: Buffer;
  private readonly outage: ReadOnlyOutage | undefined;
  private readonly upgrades = new Upgrades();
  private readonly upgraded = new WeakMap<IncomingMessage, Promise<UpgradedSession | undefined>>();
  private readonly running = new Set<Promise<void>>();

  constructor(readonly options: SessionOptions) {
    const { secrets, upcasters, name, secure, cookie, now = Date.now } = options;
    const limits = checkedLimits({ ...defaultLimits, ...options.limits });
    if (secure !== undefined && cookie?.secure !== undefined && secure !== cookie.secure)
      throw new TypeError('The options secure and cookie.secure differ: set one of them.');
    this.cookies = new SiteCookies({ name, ...cookie, secure: cookie?.secure ?? secure });
    const emit = (event: SessionEvent) => this.report(event);
    const rules = new SessionRules(limits, new Codec(upcasters), this.cookies, now, emit, options.rolling);
    this.context = { rules, tokens: new Tokens(secrets), background: (work) => this.track(work) };
    this.#repeatKey = deriveKey(secrets[0], 'repeat');
    if (options.outage === 'read-only')
      this.outage = new ReadOnlyOutage({ store: options.store, secrets, now, touchMs: limits.touch });
    this.store = this.outage?.store ?? options.store;
    this.carrier = carrierOf(this.store, this.context, this.outage);
    this.users = new UserSessions(this.store, rules);
    this.ends = new EndWatch(
      this.store,
      rules,
      (error) => this.report({ type: 'end-failed', error }),
      (id) => this.outage?.endsLater(id) ?? false,
    );
    // Whoever logs the manager logs neither secrets nor sessions.
    hide(this, 'options', 'ends', 'upgrades', 'upgraded', 'store', 'carrier', 'context', 'outage');
  }

  /** Tells the app. Where it does not listen, a mistake of its handlers is a warning of the process. Never throws. */
  report(event: SessionEvent): void {
    const { onEvent } = this.options;
    try {
      if (onEvent) onEvent(event);
      else if (MISTAKES.has(event.type) && 'error' in event)
        process.emitWarning(inspect(event.error), 'SessionWarning');
    } catch (error) {
      process.emitWarning(`onEvent failed: ${inspect(error)}`, 'SessionWarning');
    }
  }

  /** What the store in use promises. */
  get capabilities(): SessionCapabilities {
    return this.store.capabilities;
  }

  /** How many bytes of JSON every session may hold. */
  get contentBytes(): number {
    return this.capabilities.contentBytes ?? CONTENT_BYTES;
  }

  /** Whether the use of a stolen token is noticed at all: a sealed one is renewed by nobody but its holder. */
  get noticesTheft(): boolean {
    return !this.carrier.holdsContent;
  }

  /** True while the store is known not to answer, by the outage policy `read-only`: what must write need not try. */
  get isStoreDown(): boolean {
    return this.outage?.isDown ?? false;
  }

  /**
   * The session of a request: at most one read, none at all for what we did not issue.
   * @param requestId the same for every try of the request, see `SessionOptions.requestId`
   * @param isOver see `SessionOptions.isOver`
   * @param visitorWaitMs see `SessionOptions.visitorWaitMs`
   * @throws StoreUnavailableError when the store cannot tell.
   */
  async open(
    incoming: Incoming,
    requestId?: string,
    isOver: () => boolean = () => false,
    visitorWaitMs: () => number = () => 0,
  ): Promise<RequestSession> {
    const { rules } = this.context;
    const repeats = new RepeatSafety(this.#repeatKey, rules.now, requestId);
    const { attributes } = this.cookies.of(incoming);
    const room = new VisitorRoom(visitorWaitMs, rules.emit);
    return new RequestSession(rules, await this.carrier.open(incoming, repeats), repeats, isOver, attributes, room);
  }

  /**
   * The session of a handshake, for a connection that lives longer than a request: a WebSocket, in the `connection` event of
   * `ws`. Call it when the handshake has been answered (101), and catch what it throws: nobody else would, and the process
   * would end. The connection is closed within a second of the session's end (1008), and by `closeUpgrades`. Undefined where
   * there is no session, or another site's page asks: close it then with 1008. Undefined too where the connection has closed
   * meanwhile, or `mayUpgrade` has closed it. Called again for the same request, it gives the same session.
   * @throws StoreUnavailableError when the store cannot tell; SessionUsageError for a request that is no handshake
   */
  openUpgrade(request: IncomingMessage): Promise<UpgradedSession | undefined> {
    const known = this.upgraded.get(request) ?? this.upgrade(request);
    this.upgraded.set(request, known);
    return known;
  }

  private async upgrade(request: IncomingMessage): Promise<UpgradedSession | undefined> {
    this.upgrades.check(request);
    if (!isOfSite(request, this.options.origins)) return undefined;
    const opened = await this.open(incomingOf(request));
    if (!opened.isStored || !this.upgrades.add(request)) return undefined;
    const { socket } = request;
    if (this.options.mayUpgrade?.(request, opened.bearer.userId) === false) {
      this.upgrades.close(socket, TRY_AGAIN_LATER);
      return undefined;
    }
    const repeats = () => new RepeatSafety(this.#repeatKey, this.context.rules.now, undefined);
    const session = new UpgradedSession(opened, reopener(this.store, this.context, opened, repeats));
    const stop = this.ends.add({
      id: opened.id,
      hasEnded: () => opened.hasEnded(),
      onEnd: () => {
        UpgradedSession.end(session, (error) => this.report({ type: 'end-failed', error }));
        this.upgrades.close(socket, POLICY_VIOLATION);
      },
    });
    socket.once('close', stop);
    return session;
  }

  /** For a server that stops, for good: tells all open connections so (1001), and resolves when they have closed, within a second. */
  closeUpgrades(): Promise<void> {
    return this.upgrades.closeAll(GOING_AWAY);
  }

  /** Removes one batch of what ended long enough ago; returns how many. Safe on all servers at once. */
  sweep(): Promise<number> {
    return this.store.sweep(this.context.rules.now() - SWEEP_DELAY, SWEEP_BATCH);
  }

  /** Resolves when nothing runs any more that outlives its request (touches), and pending logouts were tried. */
  async settled(): Promise<void> {
    while (this.running.size > 0) await Promise.allSettled(this.running);
    await this.outage?.settle();
  }

  private track(work: Promise<void>): void {
    const settled = work.catch(() => undefined).finally(() => this.running.delete(settled));
    this.running.add(settled);
  }
}

function checkedLimits(limits: SessionLimits): SessionLimits {
  for (const [name, value] of Object.entries(limits) as [string, number][]) {
    if (!Number.isFinite(value) || value < 0)
      throw new TypeError(`The session limit "${name}" must be a number of milliseconds from 0, not ${value}.`);
  }
  if (limits.touch >= limits.idle)
    throw new TypeError(
      `The touch interval (${limits.touch} ms) must be shorter than the idle limit (${limits.idle} ms).`,
    );
  return limits;
}
