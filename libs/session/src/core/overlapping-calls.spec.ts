// Calls of one request that nobody waits for, while others begin another session or end it.
import { describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { SessionManager } from '../manager.js';
import { CookieSessions, MemoryRevocationList } from '../methods/cookie/index.js';
import { MemorySessionStore, SharedMemory } from '../methods/memory/memory-session-store.js';
import { migrating, type MigrationPhase } from '../migrating/index.js';
import type { Found, SessionRecord, WriteResult } from '../port/records.js';
import { Visitor } from '../testing/visitor.js';
import { StoreUnavailableError } from './errors.js';
import type { SessionEvent, SessionOptions } from './options.js';
import type { RequestSession } from './request-session.js';

const DAY = 24 * 3_600_000;
const down = () => Promise.reject(new StoreUnavailableError('on purpose'));
const server = (store: SessionOptions['store'], options: Partial<SessionOptions> = {}) =>
  new SessionManager({ store, secrets: ['s'.repeat(32)], secure: false, ...options });

/** A store whose calls of one kind take a while, or fail. */
class SlowStore extends MemorySessionStore {
  slow: 'find' | 'create' | 'update' | undefined;
  cannotEnd = false;

  override async find(id: string): Promise<Found | undefined> {
    const found = await super.find(id);
    if (this.slow === 'find') await sleep(20);
    return found;
  }

  override async create(record: SessionRecord): Promise<WriteResult> {
    if (this.slow === 'create') await sleep(20);
    return super.create(record);
  }

  override async update(record: SessionRecord, base: SessionRecord): Promise<WriteResult> {
    if (this.slow === 'update') await sleep(20);
    return super.update(record, base);
  }

  override destroy(id: string, ifVersion?: number): Promise<WriteResult> {
    return this.cannotEnd ? down() : super.destroy(id, ifVersion);
  }
}

async function shopper(store: SlowStore, options?: Partial<SessionOptions>) {
  const [web, visitor] = [server(store, options), new Visitor()];
  await visitor.put(web, { cart: 1 });
  return { web, visitor, before: visitor.copy() };
}

async function signIn({ session }: RequestSession, request: RequestSession) {
  await session!.regenerate();
  request.session!.bind({ userId: 'ann', epoch: 0 }).user = 'ann';
}

describe('a call that nobody waits for', () => {
  it.each(['update', 'find'] as const)('leaves no cookie when the session is ended meanwhile (%s)', async (slow) => {
    const store = new SlowStore();
    const { web, visitor, before } = await shopper(store);
    store.slow = slow;
    await visitor.visit(web, async (session) => {
      session.cart = 2;
      void (slow === 'find' ? session.reload() : session.save());
      await sleep(5);
      await session.destroy();
    });
    expect(visitor).toEqual(new Visitor());
    expect(await before.see(web)).toBeUndefined();
  });

  it.each([0, 40])('does not bring the session back that a sign-in has left (%d ms)', async (wait) => {
    const store = new SlowStore();
    const { web, visitor, before } = await shopper(store);
    store.slow = 'update';
    await visitor.visit(web, async (session, request) => {
      session.cart = 2;
      void session.save();
      await sleep(5);
      await session.regenerate();
      await sleep(wait);
      request.session!.bind({ userId: 'ann', epoch: 0 }).user = 'ann';
    });
    expect(await before.see(web)).toBeUndefined();
    expect(await visitor.see(web)).toEqual({ user: 'ann' });
  });

  it('does not take the token of the session that a sign-in begins, nor live on, where it creates one', async () => {
    const store = new SlowStore();
    const [web, visitor] = [server(store), new Visitor()];
    store.slow = 'create';
    let left = '';
    await visitor.visit(web, async (session, request) => {
      session.cart = 1;
      void session.save();
      left = session.id;
      await sleep(5);
      await signIn(request, request);
    });
    expect(await visitor.see(web)).toEqual({ user: 'ann' });
    expect(await store.find(left)).toBeUndefined();
  });
});

it('ends the session before the sign-in though a first try to end it has failed', async () => {
  const store = new SlowStore();
  const { web, visitor, before } = await shopper(store);
  await visitor.visit(web, async (_, request) => {
    await signIn(request, request);
    store.cannotEnd = true;
    await expect(request.session!.save()).rejects.toThrow('on purpose');
    store.cannotEnd = false;
  });
  expect(await before.see(web)).toBeUndefined();
});

it('answers no sign-in while the session before it is only signed out here', async () => {
  const store = new SlowStore();
  const { web, visitor } = await shopper(store, { outage: 'read-only' });
  store.cannotEnd = true;
  const login = visitor.visit(web, async (session, request) => {
    void session.destroy();
    await session.regenerate();
    request.session!.bind({ userId: 'ann', epoch: 0 }).user = 'ann';
  });
  await expect(login).rejects.toThrow('on purpose');
});

it('ends no session for a request that sees its own as a copy', async () => {
  const revocations = new MemoryRevocationList();
  const sessions = new CookieSessions({ secrets: ['s'.repeat(32)], audience: '', revocations, lifetimeMs: 30 * DAY });
  const [web, visitor] = [server(sessions, { outage: 'read-only' }), new Visitor()];
  await visitor.logIn(web, 'ann');
  const ensureFresh = revocations.ensureFresh.bind(revocations);
  revocations.ensureFresh = down;
  const request = await visitor.begin(web);
  expect(request.session!.info.asOf).toBeDefined();
  revocations.ensureFresh = ensureFresh;
  await expect(web.users.endAll('ann', request.session)).rejects.toMatchObject({ code: 'session_outage' });
  expect(await visitor.see(web)).toMatchObject({ user: 'ann' });
});

it('reads a session that has become too large for its cookie during a migration', async () => {
  let now = Date.now();
  const events: SessionEvent['type'][] = [];
  const [memory, revocations] = [new SharedMemory(), new MemoryRevocationList()];
  const common = { secrets: ['s'.repeat(32)], audience: '', revocations, lifetimeMs: 30 * DAY, now: () => now };
  const at = (phase: MigrationPhase) =>
    server(migrating(new MemorySessionStore(memory), new CookieSessions(common), { phase, now: () => now }), {
      now: () => now,
      onEvent: ({ type }) => events.push(type),
    });
  const [before, after, visitor] = [at('prepare'), at('switch'), new Visitor()];
  await visitor.put(before, { cart: 1 });
  await visitor.see(after);
  const sealed = visitor.copy();
  await visitor.put(before, { picture: 'p'.repeat(5000) });
  expect(await sealed.copy().see(after)).toMatchObject({ cart: 1 });
  await sealed.copy().visit(after, (session) => session.reload());
  now += 2 * 60_000;
  expect(await sealed.see(after)).toMatchObject({ cart: 1 });
  expect(events).toContain('touch-failed');
});

it('binds the session of a repeated sign-in to the epoch of the try that changes it', async () => {
  const store = new SlowStore();
  const { web, visitor } = await shopper(store);
  const logIn = async (who: Visitor) => {
    const epoch = await web.users.epochOf('ann');
    await who.visit(
      web,
      async (session, request) => {
        const { cart } = session;
        await session.regenerate();
        Object.assign(request.session!.bind({ userId: 'ann', epoch }), { user: 'ann', cart });
      },
      'request-1',
    );
  };
  // The first try has made the session, and could not end the one before it.
  store.create = (record) => MemorySessionStore.prototype.create.call(store, record);
  store.cannotEnd = true;
  await expect(logIn(visitor.copy())).rejects.toThrow('on purpose');
  store.cannotEnd = false;
  await visitor.put(web, { cart: 2 });
  await web.users.endAll('ann');
  await logIn(visitor);
  expect(await visitor.see(web)).toEqual({ user: 'ann', cart: 2 });
});

it.each(['create', 'update'] as const)('keeps what is asked for while another write runs (%s)', async (slow) => {
  let now = Date.now();
  const store = new SlowStore();
  const web = server(store, { now: () => now });
  const visitor = new Visitor();
  if (slow === 'update') await visitor.put(web, { cart: 1 });
  store.slow = slow;
  await visitor.visit(web, async (session) => {
    session.more = 1;
    const saved = session.save();
    // The record is on its way to the store, which takes 20 ms.
    await sleep(5);
    session.cookie.maxAge = 60_000;
    session.bind({ userId: 'ann', epoch: 0 });
    await saved;
    expect(session.cookie.maxAge).toBe(60_000);
  });
  expect(await web.users.list('ann')).toHaveLength(1);
  now += 60_000;
  expect(await visitor.see(web)).toBeUndefined();
});
