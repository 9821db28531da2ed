// The dialling side of one link: this server's requests to one address, with a heartbeat, dialled again when it is lost.
import { connect } from 'node:tls';
import { FramedSocket, MalformedError } from './framed-socket.js';
import { asHello, asStanding, PROTOCOL, type Hello, type Requests } from './messages.js';
import type { Counters, LinkSecurity, SyncEvent, SyncLimits, SyncTimings } from './options.js';
import { clientSecurity } from './security.js';

/** The peer did not answer: the link is closed. */
class PeerLostError extends Error {}
/** The peer answered that it cannot. */
export class PeerRefusalError extends Error {}

/** What all links of a server share. */
export interface LinkContext {
  readonly security: LinkSecurity;
  readonly timings: SyncTimings;
  readonly limits: SyncLimits;
  readonly counters: Counters;
  readonly hello: () => Hello;
  /** False when another link to this server is up already: a peer may have several addresses. */
  readonly isNew: (peer: Hello, link: PeerLink) => boolean;
  /** The link is up, or has to catch up again. */
  readonly onBehind: (link: PeerLink) => void;
  readonly emit: (event: SyncEvent) => void;
  readonly now: () => number;
}

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
  timer: NodeJS.Timeout | undefined;
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
  /** Who is there, once it has answered. */
  peer: Hello | undefined;
  state: 'dialling' | 'down' | 'up' | 'self' | 'same' = 'down';
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

  /** When it last answered it was this server, or one that another link leads to: also while it is dialled again. */
  private isKnownAsOther = false;
  private framed: FramedSocket | undefined;
  private readonly waiting = new Map<number, Waiting>();
  private requests = 0;
  private doubtUntil = 0;
  private heardAt = 0;
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

  /** It is another server, as far as is known, and not one that another link leads to. */
  get isMember(): boolean {
    return !this.isKnownAsOther;
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
    return new Promise((resolve, reject) => {
      if (!this.framed) return reject(new PeerLostError(`${this.name} is not connected.`));
      const id = ++this.requests;
      const waiting: Waiting = { resolve, reject, timer: undefined };
      const wait = (milliseconds: number) => {
        // This server may have been late itself: what has arrived meanwhile is read first.
        waiting.timer = setTimeout(() => setImmediate(look), milliseconds);
      };
      const look = () => {
        if (this.waiting.get(id) !== waiting) return;
        const silent = performance.now() - Math.max(this.heardAt, sentAt);
        // A peer that answers others first is only busy.
        if (silent < within) wait(within - silent);
        else this.close(`no answer to "${request}"`, 0, true);
      };
      const sentAt = performance.now();
      wait(within);
      this.waiting.set(id, waiting);
      this.framed.send(`[${id},"${request}",${body}]`);
    });
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

  /** Dials now: for the first time, or since somebody has come up. */
  hurry(): void {
    this.retry = FIRST_RETRY;
    const isStuck = this.state === 'dialling' && performance.now() - this.dialledAt > DOUBT;
    if (this.stopped || (this.state !== 'down' && !isStuck)) return;
    this.framed?.close();
    this.giveUp('dialled anew');
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
    const { security, timings, limits, counters, now } = this.context;
    this.state = 'dialling';
    this.dialledAt = performance.now();
    const socket = connect({ ...clientSecurity(security), host: this.host, port: this.port });
    let problem: NodeJS.ErrnoException | undefined;
    socket.once('error', (error: NodeJS.ErrnoException) => {
      problem = error;
      if (this.framed === framed && error.code === 'ECONNREFUSED') this.isGone = true;
    });
    const framed: FramedSocket = new FramedSocket(
      socket,
      limits.frameBytes,
      Infinity,
      counters,
      (message) => this.receive(message),
      () => this.framed === framed && this.close('closed by the peer', DOUBT, isSilence(problem)),
    );
    this.framed = framed;
    const hello = this.context.hello();
    socket.once('secureConnect', () => {
      const fail = (error: unknown) => this.framed === framed && this.close((error as Error).message, 0);
      this.send('hello', JSON.stringify(hello), timings.dial)
        .then((answer) => this.framed === framed && this.begin(asHello(answer), hello, now()))
        .catch(fail);
    });
    this.redial = setTimeout(() => this.framed === framed && this.close('no answer', 0, true), timings.dial);
  }

  private begin(peer: Hello, hello: Hello, now: number): void {
    clearTimeout(this.redial);
    this.peer = peer;
    if (peer.instance === hello.instance) return this.rest('self');
    if (peer.protocol !== PROTOCOL)
      throw new Error(
        `The peer speaks protocol version ${peer.protocol}, not ${PROTOCOL}: run the same release on all servers.`,
      );
    if (!this.context.isNew(peer, this)) return this.rest('same');
    this.state = 'up';
    this.isKnownAsOther = false;
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
    this.isKnownAsOther = true;
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

  private receive(message: unknown[]): void {
    const [id, isAnswer, body] = message as [number, boolean, unknown];
    const asked = this.waiting.get(id);
    if (message.length !== 3 || typeof isAnswer !== 'boolean' || !asked)
      throw new MalformedError('The peer sent something other than an answer.');
    this.waiting.delete(id);
    this.heardAt = performance.now();
    clearTimeout(asked.timer);
    if (isAnswer) asked.resolve(body);
    else asked.reject(new PeerRefusalError(String(body).slice(0, 1000)));
  }

  private close(reason: string, doubt: number, isSilent = false): void {
    const { framed } = this;
    if (!framed) return;
    this.framed = undefined;
    framed.close();
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
    this.giveUp(reason);
    if (this.stopped) return;
    this.redial = setTimeout(() => this.dial(), wasUp ? 0 : this.retry);
    this.retry = Math.min(this.retry * 2, LAST_RETRY);
  }

  /** Nobody will answer what was asked. */
  private giveUp(reason: string): void {
    for (const { reject, timer } of this.waiting.values()) {
      clearTimeout(timer);
      reject(new PeerLostError(`${this.name}: ${reason}`));
    }
    this.waiting.clear();
  }
}

/** This server's own network failed, or found no way: that says nothing about the peer. What TLS says, it has heard. */
function isSilence(problem: NodeJS.ErrnoException | undefined): boolean {
  // One for each address of a name.
  if (problem instanceof AggregateError) return problem.errors.every(isSilence);
  return problem?.syscall !== undefined && !ANSWERS.includes(problem.code!);
}
