// The dialling side of one link: one address, dialled again when it is lost, and what is known of the peer there.
import { asHello, asStanding, PROTOCOL, type Hello, type Requests } from './messages.js';
import type { Counters, LinkSecurity, SyncEvent, SyncLimits, SyncTimings } from './options.js';
import { PeerConnection, PeerLostError } from './peer-connection.js';

/** What all links of a server share. */
export interface LinkContext {
  readonly security: LinkSecurity;
  readonly timings: SyncTimings;
  readonly limits: SyncLimits;
  readonly counters: Counters;
  readonly hello: () => Hello;
  /** False when a link to this peer is up already: a peer may have several addresses. */
  readonly isNew: (peer: Hello) => boolean;
  /** The link is up, or has to catch up again. */
  readonly onBehind: (link: PeerLink) => void;
  readonly emit: (event: SyncEvent) => void;
  readonly now: () => number;
}

const FIRST_RETRY = 50;
const LAST_RETRY = 1000;
/** An address that is this server itself, or one that has another address too, is looked at again so much later. */
const IDLE_RETRY = 30_000;
/** After a peer has closed a link: it died, or it has dropped us; dialling again tells which, mostly within this. */
const DOUBT = 200;

/** Errors of a connection that a machine answers with. */
const ANSWERS = ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'EPROTO'];

export class PeerLink {
  /** The peer's hello, once it has answered. */
  peer: Hello | undefined;
  state: 'dialling' | 'down' | 'up' | 'self' | 'same' = 'down';
  /** False where it last answered as this server itself, or as a server that another link leads to. */
  isMember = true;
  /** The peer serves requests: what it has acknowledged must be known here. */
  serving = false;
  /** All that the peer held when it began to send its changes here has been taken over. */
  current = false;
  /** True when the first attempt to dial it has ended. */
  isTried = false;
  /** Why it could not be caught up with, last. */
  problem: string | undefined;
  /** When it was lost; undefined when it has never been up. */
  lostAt: number | undefined;
  /** Until then all that the peer held was known here; undefined when this server never caught up with it. */
  currentUntil: number | undefined;
  /** The last attempt to reach it, or the link, ended in silence: the peer neither refused nor closed anything. */
  isSilent = false;
  /** Nobody listens there, as its machine said when that last answered: a process that died, or has not started yet. */
  isGone = false;
  /** How much the peer's clock is ahead. */
  lead = 0;
  /** Raised whenever the link must catch up again. */
  round = 0;

  private connection: PeerConnection | undefined;
  private doubtUntil = 0;
  private dialledAt = 0;
  private retry = FIRST_RETRY;
  private redial: NodeJS.Timeout | undefined;
  private heartbeat: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(
    readonly host: string,
    readonly port: number,
    private readonly context: LinkContext,
  ) {}

  get address(): string {
    return `${this.host}:${this.port}`;
  }

  get name(): string {
    return this.peer?.name ?? this.address;
  }

  get isUp(): boolean {
    return this.state === 'up';
  }

  /** True while the peer may have acknowledged what this server does not know yet. */
  get isBehind(): boolean {
    if (this.isUp) return this.serving && !this.current;
    return this.doubtUntil > performance.now() && this.isMember;
  }

  /** It was up, and what it holds has never been taken over. */
  get isOwing(): boolean {
    const wasCurrent = this.current || this.currentUntil !== undefined;
    return (this.isUp || this.lostAt !== undefined) && !wasCurrent && !this.isGone;
  }

  /**
   * Asks the peer; when it answers this and everything else for `within` milliseconds with silence, the link is closed.
   * @param body JSON
   * @throws PeerLostError, PeerRefusalError
   */
  send(request: keyof Requests, body: string, within: number): Promise<unknown> {
    if (!this.connection) return Promise.reject(new PeerLostError(`${this.name} is not connected.`));
    return this.connection.send(request, body, within);
  }

  /** This server was frozen, or the peer has dropped it: catch up before anything is answered. */
  suspect(doubt = DOUBT): void {
    this.round++;
    this.loseSight();
    // It may have begun to serve since it last said that it does not.
    this.serving = true;
    this.doubtFor(doubt);
    if (this.isUp) this.context.onBehind(this);
    else this.hurry();
  }

  private loseSight(): void {
    if (this.current) this.currentUntil = this.context.now();
    this.current = false;
  }

  private doubtFor(milliseconds: number): void {
    this.doubtUntil = Math.max(this.doubtUntil, performance.now() + milliseconds);
  }

  /** This server has caught up with the peer. */
  confirm(): void {
    this.current = true;
    this.problem = undefined;
    this.context.emit({ type: 'peer-current', peer: this.name });
  }

  /** Dials now: for the first time, or because a peer has come up. */
  hurry(): void {
    this.retry = FIRST_RETRY;
    const isStuck = this.state === 'dialling' && performance.now() - this.dialledAt > DOUBT;
    if (this.stopped || (this.state !== 'down' && !isStuck)) return;
    this.connection?.close(`${this.name}: dialled anew`);
    clearTimeout(this.redial);
    this.dial();
  }

  stop(): void {
    this.stopped = true;
    this.drop('closed');
    clearTimeout(this.redial);
  }

  /** Closes the link; it is dialled again. */
  drop(reason: string): void {
    this.close(reason, 0);
  }

  private dial(): void {
    const { timings, now } = this.context;
    this.state = 'dialling';
    this.dialledAt = performance.now();
    const hello = this.context.hello();
    const isCurrent = () => this.connection === connection;
    const silent = (reason: string) => isCurrent() && this.close(reason, 0, true);
    const connection = new PeerConnection(this, this.context, {
      onSecured: () => {
        const fail = (error: unknown) => isCurrent() && this.close((error as Error).message, 0);
        connection
          .send('hello', JSON.stringify(hello), timings.dial)
          .then((answer) => isCurrent() && this.begin(asHello(answer), hello, now()))
          .catch(fail);
      },
      onSilence: (request) => silent(`no answer to "${request}"`),
      onClose: (problem) => {
        if (!isCurrent()) return;
        if (problem?.code === 'ECONNREFUSED') this.isGone = true;
        this.close('closed by the peer', DOUBT, isSilence(problem));
      },
    });
    this.connection = connection;
    this.redial = setTimeout(() => silent('no answer'), timings.dial);
  }

  private begin(peer: Hello, hello: Hello, now: number): void {
    clearTimeout(this.redial);
    this.peer = peer;
    if (peer.instance === hello.instance) return this.rest('self');
    if (peer.protocol !== PROTOCOL)
      throw new Error(
        `The peer speaks protocol version ${peer.protocol}, not ${PROTOCOL}: run the same release on all servers.`,
      );
    if (!this.context.isNew(peer)) return this.rest('same');
    this.state = 'up';
    this.isMember = true;
    this.isSilent = false;
    this.isGone = false;
    this.lead = peer.now - now;
    this.retry = FIRST_RETRY;
    this.context.emit({ type: 'peer-up', peer: this.name });
    this.beat();
    this.suspect();
    this.serving = peer.serving;
  }

  private rest(state: 'self' | 'same'): void {
    this.close(state, 0);
    this.state = state;
    this.isMember = false;
    clearTimeout(this.redial);
    this.redial = setTimeout(() => this.dial(), IDLE_RETRY).unref();
  }

  private beat(): void {
    const { heartbeat, deadAfter } = this.context.timings;
    this.heartbeat = setTimeout(() => {
      this.send('ping', 'null', deadAfter)
        .then((answer) => {
          const { linked, serving } = asStanding(answer);
          if (!linked && this.current) this.suspect();
          this.serving = serving;
          this.beat();
        })
        .catch((error: unknown) => this.isUp && this.drop((error as Error).message));
    }, heartbeat);
  }

  private close(reason: string, doubt: number, isSilent = false): void {
    const { connection } = this;
    if (!connection) return;
    this.connection = undefined;
    this.isTried = true;
    this.isSilent = isSilent;
    clearTimeout(this.redial);
    clearTimeout(this.heartbeat);
    if (this.state === 'up') {
      this.lostAt = this.context.now();
      this.context.emit({ type: 'peer-down', peer: this.name, reason });
      this.doubtFor(doubt);
    } else if (this.state === 'dialling') {
      this.doubtUntil = 0;
      if (this.retry === LAST_RETRY) this.context.emit({ type: 'peer-refused', peer: this.name, reason });
    }
    const wasUp = this.state === 'up';
    this.state = 'down';
    this.loseSight();
    connection.close(`${this.name}: ${reason}`);
    if (this.stopped) return;
    this.redial = setTimeout(() => this.dial(), wasUp ? 0 : this.retry);
    this.retry = Math.min(this.retry * 2, LAST_RETRY);
  }
}

/** This server's own network failed, or found no way: that says nothing about the peer. A TLS error is an answer. */
function isSilence(problem: NodeJS.ErrnoException | undefined): boolean {
  // One for each address of a name.
  if (problem instanceof AggregateError) return problem.errors.every(isSilence);
  return problem?.syscall !== undefined && !ANSWERS.includes(problem.code!);
}
