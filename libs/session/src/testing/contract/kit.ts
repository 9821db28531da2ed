// What the tests of the session contract share: servers on the store under test, their clock, and what they have done.
import { expect } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreUnavailableError } from '../../core/errors.js';
import type { SessionEvent, SessionLimits, SessionOptions } from '../../core/options.js';
import { newId } from '../../core/identity.js';
import { SessionManager } from '../../manager.js';
import type { AnySessions } from '../../carriers/carrier.js';
import { isSealed, type SealedSessions } from '../../carriers/sealed.js';
import type { SessionLift } from '../../port/abilities.js';
import type { WriteResult } from '../../port/records.js';
import type { SessionStore } from '../../port/store.js';
import type { TestRunner } from '../runner.js';
import type { StoreUnderTest } from '../store-under-test.js';
import { Visitor } from '../visitor.js';

export const SECRETS = ['the contract kit signs with this one secret'];
export const MINUTE = 60_000;

/** Short names for what the tests move the clock by. */
export const limits: SessionLimits = {
  idle: 30 * MINUTE,
  lifetime: 480 * MINUTE,
  rememberIdle: 14 * 24 * 60 * MINUTE,
  rememberLifetime: 30 * 24 * 60 * MINUTE,
  touch: MINUTE,
  renew: 15 * MINUTE,
  grace: MINUTE / 2,
};

export const newUser = () => `user-${newId(Date.now())}`;
/** In place of a store's method. */
export const down = () => Promise.reject(new StoreUnavailableError('on purpose'));

/** `opened` is set before the first test; `reset` makes the servers anew before each. */
export class Kit {
  opened!: StoreUnderTest;
  all!: SessionManager[];
  a!: SessionManager;
  b!: SessionManager;
  events!: SessionEvent[];
  /** The names of the store's methods that the servers have called. */
  calls!: string[];
  /** Milliseconds since 1970, of all servers. */
  clock!: number;

  constructor(private readonly runner: TestRunner) {}

  /** Registers a test, which reads from the kit what it needs when it runs. */
  readonly it = (name: string, test: (kit: Kit) => void | Promise<void>) => this.runner.it(name, () => test(this));

  reset(): void {
    this.events = [];
    this.calls = [];
    this.clock = Date.now();
    this.all = this.stores.map((store) => this.server(store));
    [this.a, this.b] = this.all as [SessionManager, SessionManager];
  }

  get stores(): readonly AnySessions[] {
    return this.opened.servers;
  }

  /** The first server's. */
  get store(): AnySessions {
    return this.stores[0];
  }

  /** Whether the session is in the token: no mark, no secret beside it, no renewal. */
  get sealed(): boolean {
    return isSealed(this.store);
  }

  /** What a request does once, at its start; with a sealed store this asks nobody. */
  get read(): 'admit' | 'find' {
    return this.sealed ? 'admit' : 'find';
  }

  readonly server = (store: AnySessions, options: Partial<SessionOptions> = {}) =>
    new SessionManager({
      store: counted(store, this.calls),
      secrets: SECRETS,
      secure: false,
      limits,
      now: () => this.clock,
      onEvent: (event) => this.events.push(event),
      ...options,
    });

  /** A server whose store has these methods in place of its own. */
  readonly serverWith = (
    methods: Partial<SessionStore & SealedSessions & SessionLift>,
    { store = this.store, ...options }: Partial<SessionOptions> = {},
  ) => this.server({ ...methodsOf(store), ...methods }, options);

  /** A browser that has not been here yet. */
  readonly newVisitor = () => this.opened.visitor?.() ?? new Visitor();

  readonly advance = (by: number) => void (this.clock += by);

  /** No server knows this browser's session any more, within the time that the store promises. */
  readonly expectDead = async (visitor: Visitor) => {
    const end = Date.now() + this.a.capabilities.logoutWithinMs;
    for (const here of this.all) {
      while ((await visitor.copy().see(here)) && Date.now() < end) await sleep(20);
      expect(await visitor.copy().see(here)).toBeUndefined();
    }
  };

  /** A browser with a session that holds a cart. */
  readonly shopper = async () => {
    const visitor = this.newVisitor();
    await visitor.put(this.a, { cart: { apple: 1 } });
    return visitor;
  };
}

/** The store with each call noted, so that "one read and no write" can be counted. */
function counted(store: AnySessions, calls: string[]): AnySessions {
  const methods = methodsOf(store) as unknown as Record<string, (...args: unknown[]) => unknown>;
  for (const name of ['find', 'admit', 'create', 'update', 'touch', 'destroy'].filter((name) => name in methods)) {
    const method = methods[name].bind(methods);
    methods[name] = (...args) => {
      calls.push(name);
      return method(...args);
    };
  }
  const { create } = methods;
  methods.create = async (...args) => {
    const result = (await create(...args)) as WriteResult;
    if (result.status === 'done' && result.ended) calls[calls.indexOf('create')] = 'create, which ended another';
    return result;
  };
  return methods as unknown as AnySessions;
}

/** A plain object with the store's methods, to replace single ones of. */
function methodsOf(store: AnySessions): SessionStore & Partial<SealedSessions> {
  const sealed = ['carrier', 'seal', 'unseal', 'admit', 'mayHaveEnded'];
  const kept = ['find', 'listByUser', 'epochOf', 'raiseEpoch', 'updateAbove'];
  const names = [...sealed, ...kept, 'create', 'update', 'touch', 'destroy', 'sweep'];
  const source = store as unknown as Record<string, ((...args: unknown[]) => unknown) | undefined>;
  const methods = Object.fromEntries(names.flatMap((name) => (source[name] ? [[name, source[name].bind(store)]] : [])));
  return { capabilities: store.capabilities, ...methods } as unknown as SessionStore;
}
