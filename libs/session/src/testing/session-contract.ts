// The invariants of sessions (docs/architecture.md, "Invariants"), one test each, through the module on any store.
import { expect } from '@jest/globals';
import { StoreUnavailableError } from '../core/errors.js';
import { SessionManager } from '../manager.js';
import type { SessionEvent, SessionLimits, SessionOptions } from '../core/options.js';
import type { Session } from '../core/session.js';
import {
  hasEpochs,
  isSealed,
  isSessionIndex,
  liftsSessions,
  type AnySessionStore,
  type SealedStore,
  type SessionStore,
  type WriteResult,
} from '../port/store.js';
import { newId, REPEATED_WITHIN_MS } from '../core/token.js';
import { describeOutages } from './outage-invariants.js';
import { jestRunner, type TestRunner } from './runner.js';
import type { StoreUnderTest } from './store-under-test.js';
import { Visitor } from './visitor.js';

const SECRETS = ['the contract kit signs with this one secret'];
const MINUTE = 60_000;

/** Short names for what the tests move the clock by. */
const limits: SessionLimits = {
  idle: 30 * MINUTE,
  lifetime: 480 * MINUTE,
  rememberIdle: 14 * 24 * 60 * MINUTE,
  rememberLifetime: 30 * 24 * 60 * MINUTE,
  touch: MINUTE,
  renew: 15 * MINUTE,
  grace: MINUTE / 2,
};

/** Asserts that sessions kept in this store keep every invariant that its capabilities promise. */
export function describeSessionContract(
  name: string,
  open: () => Promise<StoreUnderTest>,
  { describe, it, beforeAll, beforeEach, afterAll }: TestRunner = jestRunner,
): void {
  describe(`${name}: the invariants of sessions`, () => {
    let opened: StoreUnderTest;
    let all: SessionManager[];
    let a: SessionManager;
    let b: SessionManager;
    let events: SessionEvent[];
    let clock: number;
    let calls: string[];

    const server = (store: AnySessionStore, options: Partial<SessionOptions> = {}) =>
      new SessionManager({
        store: counted(store, calls),
        secrets: SECRETS,
        secure: false,
        limits,
        now: () => clock,
        onEvent: (event) => events.push(event),
        ...options,
      });

    beforeAll(async () => {
      opened = await open();
    });
    afterAll(() => opened.close?.());
    beforeEach(() => {
      events = [];
      calls = [];
      clock = Date.now();
      all = opened.servers.map((store) => server(store));
      [a, b] = all as [SessionManager, SessionManager];
    });

    /** What a request does once, at its start; with a sealed store this asks nobody. */
    const read = () => (sealed() ? 'admit' : 'find');
    const writes = () => calls.filter((call) => call !== read());
    /** Whether the session is in the token: no mark, no secret beside it, no renewal. */
    const sealed = () => isSealed(opened.servers[0]);
    const newUser = () => `user-${newId(Date.now())}`;

    /** No server knows this browser's session any more, within the time that the store promises. */
    const expectDead = async (visitor: Visitor) => {
      const end = Date.now() + a.capabilities.logoutWithinMs;
      for (const here of all) {
        while ((await visitor.copy().see(here)) && Date.now() < end) await new Promise((next) => setTimeout(next, 20));
        expect(await visitor.copy().see(here)).toBeUndefined();
      }
    };

    /** A browser with a session that holds a cart. */
    const shopper = async () => {
      const visitor = new Visitor();
      await visitor.visit(a, (session) => {
        session.cart = { apple: 1 };
      });
      return visitor;
    };

    describe('moving between servers', () => {
      it('knows at the next request on any server what one has stored', async () => {
        const visitor = await shopper();
        for (let hop = 1; hop <= 20; hop++) {
          const here = hop % 2 ? b : a;
          await visitor.visit(here, (session) => {
            expect(session.hops ?? 0).toBe(hop - 1);
            session.hops = hop;
          });
        }
        expect(await visitor.see(a)).toEqual({ cart: { apple: 1 }, hops: 20 });
      });

      it('gives a visitor no session and no cookie until something is put into it', async () => {
        const visitor = new Visitor();
        expect(await visitor.see(a)).toBeUndefined();
        expect(visitor).toEqual(new Visitor());
        expect(calls).toEqual([]);
      });

      it('reads once and writes nothing for a request that changes nothing between two touches', async () => {
        const visitor = await shopper();
        calls.length = 0;
        for (let i = 0; i < 5; i++) await visitor.see(i % 2 ? a : b);
        expect(calls).toEqual(Array(5).fill(read()));
      });
    });

    describe('no lost update', () => {
      it('keeps different keys that two requests change at once (SerayaEryn/fastify-session#237)', async () => {
        const visitor = await shopper();
        const [one, two] = await Promise.all([visitor.begin(a), visitor.begin(b)]);
        one.session!.pear = 1;
        two.session!.plum = 2;
        delete two.session!.cart;
        await Promise.all([visitor.end(a, one), visitor.end(b, two)]);
        const seen = await visitor.see(a);
        if (!a.capabilities.mergesKeys) {
          // One of them may be lost, but what is left is one of them, whole.
          expect([{ pear: 1, plum: 2 }, { cart: { apple: 1 }, pear: 1 }, { plum: 2 }]).toContainEqual(seen);
          return;
        }
        expect(seen).toEqual({ pear: 1, plum: 2 });
        if (a.capabilities.atomicUpdate) expect(events).toContainEqual(expect.objectContaining({ type: 'merged' }));
      });

      it('keeps the keys of twenty requests at once', async () => {
        const visitor = await shopper();
        const copies = Array.from({ length: 20 }, () => visitor.copy());
        const put = (copy: Visitor, i: number) =>
          copy.visit(i % 2 ? a : b, (session) => {
            session[`item:${i}`] = i;
          });
        await Promise.all(copies.map(put));
        // Each with its own mark: without it a server may show what a cache of its file system still holds.
        for (const [i, copy] of copies.entries()) {
          const seen = await copy.see(a);
          expect(seen).toBeDefined();
          if (a.capabilities.mergesKeys) expect(seen).toMatchObject({ cart: { apple: 1 }, [`item:${i}`]: i });
        }
      });

      it('sees a change deep inside a key', async () => {
        const visitor = await shopper();
        await visitor.visit(b, (session) => {
          (session.cart as Record<string, number>).apple = 7;
        });
        expect(await visitor.see(a)).toEqual({ cart: { apple: 7 } });
      });

      it('lets the later commit of one key win', async () => {
        const visitor = await shopper();
        const [one, two] = await Promise.all([visitor.begin(a), visitor.begin(b)]);
        one.session!.theme = 'first';
        two.session!.theme = 'second';
        await visitor.end(a, one);
        await visitor.end(b, two);
        expect((await visitor.see(a))!.theme).toBe('second');
      });

      it('counts every atomic update', async () => {
        const visitor = await shopper();
        if (!a.capabilities.atomicUpdate) {
          await expect(visitor.visit(a, (session) => session.update('n', () => 1))).rejects.toThrow('atomic');
          return;
        }
        const increment = (i: number) =>
          visitor.copy().visit(i % 2 ? a : b, (session) => session.update<number>('count', (n = 0) => n + 1));
        const results = await Promise.all(Array.from({ length: 12 }, (_, i) => increment(i)));
        expect(results.toSorted((x, y) => x - y)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
        expect((await visitor.see(b))!.count).toBe(12);
      });

      it('counts a write once whose answer was lost', async () => {
        if (!a.capabilities.atomicUpdate) return;
        const visitor = await shopper();
        // The cluster repeats a statement when its answer is lost: the second try meets the first.
        const stubborn = server({
          ...methodsOf(opened.servers[0]),
          update: async (record, base) => {
            await opened.servers[0].update(record, base);
            return opened.servers[0].update(record, base);
          },
        });
        const count = await visitor.visit(stubborn, (session) => session.update<number>('count', (n = 0) => n + 1));
        expect(count).toBe(1);
        expect((await visitor.see(b))!.count).toBe(1);
        expect(events.filter(({ type }) => type === 'merged')).toEqual([]);
      });

      it('counts a request once that a proxy repeated on another server', async () => {
        const visitor = await shopper();
        const copy = visitor.copy();
        const act = (who: Visitor, where: SessionManager) =>
          who.visit(
            where,
            (session) => {
              session.count = ((session.count as number | undefined) ?? 0) + 1;
            },
            'request-1',
          );
        await act(visitor, a);
        await act(copy, b);
        expect((await visitor.see(a))!.count).toBe(1);
      });
    });

    describe('a login that a proxy repeats on another server', () => {
      /** As an app does it, with a count of the logins; on the second server as on the first. */
      const logIn = async (who: Visitor, where: SessionManager, userId: string, requestId?: string) => {
        const epoch = await where.epochOf(userId);
        await who.visit(
          where,
          async (session, request) => {
            const { cart, logins = 0 } = session;
            await session.regenerate();
            const content = { user: userId, cart, logins: Number(logins) + 1 };
            Object.assign(request.session!.bind({ userId, epoch }), content);
          },
          requestId,
        );
      };
      const expectOneSession = async (userId: string) => {
        if (isSessionIndex(opened.servers[0])) expect(await a.sessionsOf(userId)).toHaveLength(1);
      };
      const newRequest = () => `request-${newId(Date.now())}`;
      const STEP = REPEATED_WITHIN_MS;

      const times = { 'at once': [0, 0], 'after a while': [0, STEP - 1], "in its time's next step": [STEP - 1, 2] };
      for (const [when, [start, later]] of Object.entries(times)) {
        it(`counts once when the first answer is lost, repeated ${when}`, async () => {
          clock += start - (clock % STEP);
          const [visitor, userId, requestId] = [await shopper(), newUser(), newRequest()];
          const [unanswered, old] = [visitor.copy(), visitor.copy()];
          await logIn(unanswered, a, userId, requestId);
          // Where a server may not have heard of it yet, the second try would still have its cart.
          if (sealed()) await expectDead(old);
          clock += later;
          await logIn(visitor, b, userId, requestId);
          if (!sealed()) expect(visitor.token).toBe(unanswered.token);
          const once = { user: userId, cart: { apple: 1 }, logins: 1 };
          for (const here of all) expect(await visitor.see(here)).toEqual(once);
          await expectOneSession(userId);
        });
      }

      it('keeps what was changed between two tries of which the first did not end the old session', async () => {
        const [visitor, userId, requestId] = [await shopper(), newUser(), newRequest()];
        const whole = methodsOf(opened.servers[0]);
        const dying = server({
          ...whole,
          create: (record) => whole.create(record),
          destroy: () => Promise.reject(new StoreUnavailableError('on purpose')),
        });
        await expect(logIn(visitor.copy(), dying, userId, requestId)).rejects.toThrow('on purpose');
        const old = visitor.copy();
        await visitor.visit(b, (session) => {
          session.cart = { apple: 2 };
        });
        await logIn(visitor, b, userId, requestId);
        expect(await visitor.see(a)).toEqual({ user: userId, cart: { apple: 2 }, logins: 1 });
        await expectDead(old);
        await expectOneSession(userId);
      });

      it('is nobody else: neither another user, nor another request with the old cookies', async () => {
        const [visitor, userId, requestId] = [await shopper(), newUser(), newRequest()];
        const old = visitor.copy();
        await logIn(visitor, a, userId, requestId);
        await expectDead(old.copy());
        if (!sealed()) {
          const other = logIn(old.copy(), b, newUser(), requestId);
          await expect(other).rejects.toMatchObject({ code: 'session_conflict' });
        }
        for (const id of [newRequest(), undefined]) {
          const late = old.copy();
          await logIn(late, b, userId, id);
          expect(await late.see(a)).toEqual({ user: userId, logins: 1 });
          expect(late.token).not.toBe(visitor.token);
        }
        expect(await visitor.see(b)).toEqual({ user: userId, cart: { apple: 1 }, logins: 1 });
      });

      it('costs a login that nobody repeats no read, and a write only where the sessions are in the browsers', async () => {
        for (const requestId of [newRequest(), undefined]) {
          const visitor = await shopper();
          calls.length = 0;
          await logIn(visitor, a, newUser(), requestId);
          const trace = sealed() && requestId !== undefined ? ['destroy'] : [];
          const end = calls.includes('create, which ended another') ? [] : ['destroy'];
          expect(calls).toEqual([read(), expect.stringContaining('create'), ...trace, ...end]);
        }
      });
    });

    describe('no revival', () => {
      it('is dead on every server once a logout is acknowledged', async () => {
        const visitor = await shopper();
        const copy = visitor.copy();
        await visitor.visit(b, (session) => session.destroy());
        expect(visitor).toEqual(new Visitor());
        await expectDead(copy);
      });

      it('stays dead when a slow request writes after the logout (expressjs/session#632, CVE-2025-46336)', async () => {
        const visitor = await shopper();
        const [early, slow] = await Promise.all([visitor.begin(a), visitor.begin(a)]);
        early.session!.late = slow.session!.late = true;
        await visitor.copy().visit(b, (session) => session.destroy());
        // Where servers hear of it within a while, a commit in that while may still succeed: in vain.
        if (a.capabilities.logoutWithinMs > 0) {
          const hasty = visitor.copy();
          await hasty.end(a, early).catch((error: unknown) => expect(error).toMatchObject({ code: 'session_ended' }));
          await expectDead(hasty);
        }
        await expect(visitor.end(a, slow)).rejects.toMatchObject({ code: 'session_ended' });
        await expectDead(visitor);
        expect(events).toContainEqual(expect.objectContaining({ type: 'revival-refused' }));
      });

      it('stays dead when a slow request only touches', async () => {
        const visitor = await shopper();
        clock += 2 * MINUTE;
        const slow = await visitor.begin(a);
        await visitor.copy().visit(b, (session) => session.destroy());
        await visitor.end(a, slow);
        if (!sealed()) expect(calls).toContain('touch');
        await expectDead(visitor);
      });

      it('ends on the server even when nobody waits for destroy', async () => {
        const visitor = await shopper();
        const copy = visitor.copy();
        await visitor.visit(a, (session) => {
          session.destroy(() => undefined);
        });
        await expectDead(copy);
      });
    });

    describe('read what you saw', () => {
      it('never shows an older session than the mark says (fleetdm/fleet#4469, laravel/framework#54231)', async () => {
        const visitor = await shopper();
        const old = visitor.copy();
        await visitor.visit(b, (session) => {
          session.cart = { apple: 2 };
        });
        if (sealed()) {
          // The browser holds the session itself.
          expect(await visitor.see(a)).toEqual({ cart: { apple: 2 } });
          expect(visitor.token).not.toBe(old.token);
          expect(visitor.mark).toBeUndefined();
          return;
        }
        expect(visitor.mark).not.toBe(old.mark);
        expect(visitor.token).toBe(old.token);
        const atLeast: unknown[] = [];
        const spying = server({
          ...methodsOf(opened.servers[0]),
          find: (id, mark) => {
            atLeast.push(mark);
            return (opened.servers[0] as SessionStore).find(id, mark);
          },
        });
        expect(await visitor.see(spying)).toEqual({ cart: { apple: 2 } });
        expect(atLeast).toEqual([visitor.mark!.split('.')[0]]);
      });

      it("ignores a mark that is forged, or another session's", async () => {
        const [visitor, other] = [await shopper(), await shopper()];
        if (sealed()) {
          expect((await a.open(visitor.token, '999.AAAAAAAAAAAAAAAA')).isStored).toBe(true);
          return;
        }
        await other.visit(a, (session) => {
          session.pear = 1;
        });
        const atLeast: unknown[] = [];
        const spying = server({
          ...methodsOf(opened.servers[1]),
          find: (id, mark) => {
            atLeast.push(mark);
            return (opened.servers[1] as SessionStore).find(id, mark);
          },
        });
        for (const mark of [`999.${visitor.mark!.split('.')[1]}`, other.mark, '2', '2.', 'x', undefined]) {
          expect((await spying.open(visitor.token, mark)).isStored).toBe(true);
        }
        expect(atLeast).toEqual(Array(6).fill(undefined));
      });
    });

    describe("both limits, by the server's clock", () => {
      it('ends after the idle limit', async () => {
        const visitor = await shopper();
        clock += limits.idle - 1;
        expect(await visitor.copy().see(b)).toBeDefined();
        clock += limits.idle;
        expect(await visitor.see(a)).toBeUndefined();
      });

      it('ends after the absolute limit however active (CVE-2024-35220)', async () => {
        const visitor = await shopper();
        for (const end = clock + limits.lifetime - 1; clock < end; clock = Math.min(end, clock + limits.idle / 2)) {
          expect(await visitor.see(a)).toBeDefined();
        }
        expect(await visitor.copy().see(b)).toBeDefined();
        clock += 1;
        expect(await visitor.see(b)).toBeUndefined();
      });

      it('gives "keep me signed in" its own two limits and a Max-Age', async () => {
        const visitor = new Visitor();
        await visitor.logIn(a, newUser(), true);
        clock += limits.rememberIdle - 1;
        expect(await visitor.copy().see(b)).toBeDefined();
        const request = await visitor.begin(a);
        expect(request.cookieMaxAge).toBe(limits.rememberLifetime - limits.rememberIdle + 1);
        clock += 2 * limits.rememberIdle;
        expect(await visitor.see(a)).toBeUndefined();
      });

      it('touches at most once per touch interval (expressjs/session#891)', async () => {
        const visitor = await shopper();
        calls.length = 0;
        const tokens = new Set([visitor.token]);
        for (let second = 0; second < 150; second += 10) {
          await visitor.see(second % 20 ? a : b);
          tokens.add(visitor.token);
          clock += 10_000;
        }
        expect(writes()).toEqual(sealed() ? [] : ['touch', 'touch']);
        expect(tokens.size).toBe(sealed() ? 3 : 1);
      });

      it('lets an open response live as long as the session that its request has moved', async () => {
        const visitor = await shopper();
        clock += limits.idle / 2;
        const stream = await visitor.begin(a);
        await visitor.end(a, stream);
        clock += limits.idle - 1;
        expect(await stream.hasEnded()).toBe(false);
        clock += 1;
        expect(await stream.hasEnded()).toBe(true);
      });

      it('does not fail a request whose touch fails', async () => {
        const visitor = await shopper();
        clock += 2 * MINUTE;
        const fail = () => Promise.reject(new StoreUnavailableError('on purpose'));
        const methods = methodsOf(opened.servers[0]);
        const weak = server(
          isSealed(methods)
            ? { ...methods, admit: onceThen((record) => methods.admit(record), fail) }
            : { ...methods, touch: fail },
        );
        expect(await visitor.see(weak)).toEqual({ cart: { apple: 1 } });
        expect(events).toContainEqual(expect.objectContaining({ type: 'touch-failed' }));
      });
    });

    describe('tokens', () => {
      it('gives a new one at login, keeps the cart and ends the old one everywhere at once (CVE-2022-25896)', async () => {
        const visitor = await shopper();
        const before = visitor.copy();
        await visitor.logIn(b, newUser());
        expect(visitor.token).not.toBe(before.token);
        if (!sealed()) expect(visitor.mark).not.toBe(before.mark);
        expect(await visitor.see(a)).toMatchObject({ cart: { apple: 1 }, user: expect.any(String) });
        await expectDead(before);
      });

      it('loses nothing that was acknowledged while the login ran', async () => {
        const visitor = await shopper();
        const login = await visitor.begin(a);
        const cart = login.session!.cart;
        await login.session!.regenerate();
        login.session!.cart = cart;
        await visitor.copy().visit(b, (session) => {
          session.cart = { apple: 2 };
          session.coupon = 'TEN';
        });
        await visitor.end(a, login);
        const seen = await visitor.see(b);
        if (a.capabilities.mergesKeys) expect(seen).toEqual({ cart: { apple: 2 }, coupon: 'TEN' });
        else expect([{ cart: { apple: 1 } }, { cart: { apple: 2 }, coupon: 'TEN' }]).toContainEqual(seen);
      });

      it('renews in time, with a grace for parallel requests (expressjs/session#923)', async () => {
        const visitor = await shopper();
        const parallel = visitor.copy();
        clock += limits.renew;
        await visitor.see(a);
        expect(visitor.token).not.toBe(parallel.token);
        expect(await visitor.see(b)).toBeDefined();
        clock += limits.grace;
        const late = parallel.copy();
        expect(await parallel.see(a)).toBeDefined();
        if (!sealed()) expect(parallel.token).toBe(late.token);
        expect(await visitor.see(b)).toBeDefined();
      });

      it('reports a token that is used after the grace, and ends the session', async () => {
        const visitor = await shopper();
        const thief = visitor.copy();
        clock += limits.renew;
        await visitor.see(a);
        await visitor.see(b);
        clock += limits.grace + 1;
        if (sealed()) {
          // A copy cannot be told from the original. It ends with it.
          expect(await thief.see(b)).toBeDefined();
          await visitor.visit(a, (session) => session.destroy());
          await expectDead(thief);
          return;
        }
        expect(await thief.see(b)).toBeUndefined();
        expect(events).toContainEqual(expect.objectContaining({ type: 'theft' }));
        await expectDead(visitor);
      });

      it('logs nobody out when the answer with the renewed token is lost', async () => {
        const visitor = await shopper();
        clock += limits.renew;
        await visitor.copy().see(a);
        clock += limits.grace * 2;
        const before = visitor.token;
        expect(await visitor.see(b)).toBeDefined();
        expect(visitor.token).not.toBe(before);
        clock += limits.grace * 2;
        expect(await visitor.see(a)).toBeDefined();
        expect(events.filter(({ type }) => type === 'theft')).toEqual([]);
      });

      it('refuses without a read whatever we did not issue', async () => {
        const { token } = await shopper();
        const stores = sealed() ? otherKeys().foreign : [opened.servers[0]];
        const others = stores.map(async (store) => {
          const foreign = new SessionManager({ store, secrets: ['x'.repeat(32)], secure: false });
          const other = new Visitor();
          await other.visit(foreign, (session) => {
            session.a = 1;
          });
          return other.token!;
        });
        const foreign = await Promise.all(others);
        calls.length = 0;
        for (const bad of [...foreign, '', 'x', ...mutations(token!)]) {
          const request = await a.open(bad, undefined);
          expect(request.isStored).toBe(false);
        }
        expect(calls).toEqual([]);
      });

      it('reads nothing for a token that is older than the longest limit', async () => {
        const visitor = await shopper();
        clock += limits.rememberLifetime;
        calls.length = 0;
        expect(await visitor.see(a)).toBeUndefined();
        expect(calls).toEqual([]);
      });

      it('opens with every secret and seals with the first, so that secrets can be rotated', async () => {
        const visitor = await shopper();
        const before = visitor.token;
        const store = sealed() ? otherKeys().rotated : opened.servers[1];
        const rotated = server(store, { secrets: ['y'.repeat(40), ...SECRETS] });
        expect(await visitor.see(rotated)).toBeDefined();
        // A sealed session is sealed again at once, others at their renewal.
        expect(visitor.token === before).toBe(!sealed());
        if (!sealed()) clock += limits.renew;
        await visitor.see(rotated);
        await visitor.see(rotated);
        expect((await a.open(visitor.token, visitor.mark)).isStored).toBe(false);
        expect(await visitor.see(rotated)).toBeDefined();
      });

      it('keeps nothing secret in the store', async () => {
        const records: unknown[] = [];
        const spying = server({
          ...methodsOf(opened.servers[0]),
          create: (record) => {
            records.push(record);
            return opened.servers[0].create(record);
          },
        });
        const visitor = new Visitor();
        await visitor.visit(spying, (session) => {
          session.a = 'private';
        });
        const bytes = Buffer.from(visitor.token!, 'base64url');
        if (sealed()) {
          // Here it is the browser that keeps the content, and may not read it.
          expect(bytes.toString('latin1')).not.toContain('private');
          return;
        }
        const secret = bytes.subarray(17, 37);
        for (const encoding of ['base64url', 'hex', 'base64'] as const) {
          expect(JSON.stringify(records)).not.toContain(secret.toString(encoding));
        }
        expect(records).toHaveLength(1);
      });
    });

    describe('content', () => {
      it('refuses what is not JSON, what reaches a prototype and what is too large, and says which key', async () => {
        const attempt = (value: unknown, key = 'bad') =>
          new Visitor().visit(a, (session) => {
            Object.defineProperty(session, key, { value, enumerable: true, configurable: true, writable: true });
          });
        await expect(attempt(() => 1)).rejects.toThrow('session.bad is a function');
        await expect(attempt(1n)).rejects.toThrow('session.bad is a bigint');
        await expect(attempt(1, '__proto__')).rejects.toThrow('"__proto__"');
        await expect(attempt(1, 'constructor')).rejects.toThrow('"constructor"');
        await expect(attempt(JSON.parse('{"__proto__": {"admin": true}}'))).rejects.toThrow('prototype');
        await expect(attempt('x'.repeat(70_000))).rejects.toThrow('bad (70002 bytes)');
        const cycle: Record<string, unknown> = {};
        cycle.self = cycle;
        await expect(attempt(cycle)).rejects.toMatchObject({ code: 'session_usage' });
      });

      it('refuses a prototype that came from the store', async () => {
        const visitor = await shopper();
        await replacePayload(visitor, (payload) => payload.replace('"apple"', '"__proto__"'));
        expect(await visitor.see(b)).toBeUndefined();
        expect(events).toContainEqual(expect.objectContaining({ type: 'damaged' }));
        expect(({} as { apple?: number }).apple).toBeUndefined();
      });

      it('treats damaged content as no session and keeps it for inspection (session-file-store)', async () => {
        const visitor = await shopper();
        const id = (await visitor.begin(a)).id;
        // A store that merges composes the content itself.
        if (a.capabilities.mergesKeys && !a.capabilities.atomicUpdate) return;
        await replacePayload(visitor, (payload) => payload.slice(0, 10));
        expect(await visitor.see(b)).toBeUndefined();
        if (!sealed()) expect((await (opened.servers[0] as SessionStore).find(id))?.record.payload).toHaveLength(10);
      });

      it('lifts old content to the new shape, and leaves newer content as it is', async () => {
        const visitor = await shopper();
        const upgraded = server(opened.servers[0], {
          upcasters: [({ cart, ...rest }) => ({ ...rest, basket: cart! })],
        });
        expect(await visitor.see(upgraded)).toEqual({ basket: { apple: 1 } });
        expect(await visitor.see(b)).toEqual({ cart: { apple: 1 } });
        await visitor.visit(upgraded, (session) => {
          session.coupon = 'TEN';
        });
        // A server that is not upgraded yet keeps what it does not know, and the version it was written with.
        await visitor.visit(b, (session) => {
          session.seen = true;
        });
        expect(await visitor.see(upgraded)).toEqual({ basket: { apple: 1 }, coupon: 'TEN', seen: true });
      });
    });

    describe("a user's sessions", () => {
      const indexed = () => isSessionIndex(opened.servers[0]);

      it('are listed, and ended one by one', async () => {
        if (!indexed()) return expect(a.sessionsOf('user')).rejects.toThrow('keeps no list');
        const userId = newUser();
        const [phone, laptop, stranger] = [new Visitor(), new Visitor(), new Visitor()];
        await phone.logIn(a, userId);
        await laptop.logIn(b, userId);
        await stranger.logIn(b, newUser());
        const ids = (await a.sessionsOf(userId)).map(({ id }) => id);
        expect(new Set(ids)).toEqual(new Set([(await phone.begin(a)).id, (await laptop.begin(a)).id]));
        expect(await b.end(userId, (await stranger.begin(a)).id)).toBe(false);
        expect(await b.end(userId, (await phone.begin(a)).id)).toBe(true);
        expect(await phone.see(a)).toBeUndefined();
        expect(await laptop.see(a)).toBeDefined();
        expect(await stranger.see(a)).toBeDefined();
      });

      it('are all listed when they began at the same moment on different servers (better-auth#11073)', async () => {
        if (!indexed()) return;
        const userId = newUser();
        const devices = Array.from({ length: 10 }, () => new Visitor());
        await Promise.all(devices.map((device, i) => device.logIn(i % 2 ? a : b, userId)));
        for (const here of [a, b]) expect(await here.sessionsOf(userId)).toHaveLength(devices.length);
        await b.endAll(userId);
        for (const device of devices) expect(await device.see(a)).toBeUndefined();
      });

      it('are all ended but one, on every server', async () => {
        if (!hasEpochs(opened.servers[0])) return expect(a.endAll('user')).rejects.toThrow('cannot end');
        const userId = newUser();
        const [phone, laptop] = [new Visitor(), new Visitor()];
        await phone.logIn(a, userId);
        await laptop.logIn(b, userId);
        await laptop.visit(a, (session) => a.endAll(userId, session));
        await expectDead(phone);
        for (const here of [a, b]) expect(await laptop.see(here)).toBeDefined();
        if (indexed()) expect(await b.sessionsOf(userId)).toHaveLength(1);
        await b.endAll(userId);
        await expectDead(laptop);
      });

      it('are not ended by one that was ended while its request ran, nor does it come back by that', async () => {
        if (!hasEpochs(opened.servers[0])) return;
        const userId = newUser();
        const [phone, laptop] = [new Visitor(), new Visitor()];
        await phone.logIn(a, userId);
        await laptop.logIn(b, userId);
        const late = await laptop.begin(b);
        await phone.visit(a, (session) => a.endAll(userId, session));
        // Where servers hear of it within a while.
        await expectDead(laptop.copy());
        await expect(b.endAll(userId, late.session)).rejects.toMatchObject({ code: 'session_ended' });
        await expectDead(laptop);
        expect(await phone.see(b)).toBeDefined();
      });

      it('are all left, and the one that asked too, when a fault comes in between; none outlives the next end', async () => {
        const [store] = opened.servers;
        if (!hasEpochs(store)) return;
        const down = () => Promise.reject(new StoreUnavailableError('on purpose'));
        const lifts = liftsSessions(store) && { updateAbove: down };
        const cut = server({ ...methodsOf(store), raiseEpoch: down, ...lifts } as unknown as AnySessionStore);
        for (const leavesOne of [true, false]) {
          const userId = newUser();
          const [phone, laptop] = [new Visitor(), new Visitor()];
          await phone.logIn(a, userId);
          await laptop.logIn(b, userId);
          // The handler answers all the same, and what it has changed is committed.
          await laptop.visit(cut, async (session) => {
            await expect(cut.endAll(userId, session)).rejects.toThrow('on purpose');
            session.note = 'after the fault';
          });
          for (const visitor of [phone, laptop]) expect(await visitor.see(b)).toBeDefined();
          if (leavesOne) await phone.visit(b, (session) => b.endAll(userId, session));
          else await b.endAll(userId);
          await expectDead(laptop);
        }
      });

      it('are ended but one by a click that was made twice', async () => {
        if (!hasEpochs(opened.servers[0]) || sealed()) return;
        const userId = newUser();
        const laptop = new Visitor();
        await laptop.logIn(a, userId);
        const clicks = [await laptop.begin(a), await laptop.begin(b)];
        await a.endAll(userId, clicks[0].session);
        await b.endAll(userId, clicks[1].session);
        expect(await laptop.see(a)).toBeDefined();
      });

      it('are ended but one by two clicks at the same moment, and by two devices all but one of them', async () => {
        if (!hasEpochs(opened.servers[0]) || !opened.servers[0].capabilities.atomicUpdate) return;
        const userId = newUser();
        const [phone, laptop, third] = [new Visitor(), new Visitor(), new Visitor()];
        for (const visitor of [phone, laptop, third]) await visitor.logIn(a, userId);
        const clicks = [await laptop.begin(a), await laptop.begin(b)];
        await Promise.all([a.endAll(userId, clicks[0].session), b.endAll(userId, clicks[1].session)]);
        for (const here of all) expect(await laptop.see(here)).toBeDefined();
        for (const visitor of [phone, third]) await expectDead(visitor);

        await phone.logIn(a, userId);
        const devices = [await laptop.begin(a), await phone.begin(b)];
        const ends = await Promise.allSettled([
          a.endAll(userId, devices[0].session),
          b.endAll(userId, devices[1].session),
        ]);
        expect(ends.filter(({ status }) => status === 'fulfilled')).not.toHaveLength(0);
        const left = [await laptop.see(a), await phone.see(a)].filter((seen) => seen !== undefined);
        expect(left).toHaveLength(1);
      });

      it('end also when a login races with the end of all (better-auth#11022)', async () => {
        if (!hasEpochs(opened.servers[0])) return;
        const userId = newUser();
        const racing = new Visitor();
        const epoch = await a.epochOf(userId);
        await b.endAll(userId);
        await racing.visit(a, (session) => {
          session.bind({ userId, epoch }).user = userId;
        });
        expect(racing.token).toBeDefined();
        await expectDead(racing);
      });
    });

    it('never takes a store that cannot answer for "no session"', async () => {
      const visitor = await shopper();
      const down = () => Promise.reject(new StoreUnavailableError('on purpose'));
      const cut = server({
        ...methodsOf(opened.servers[0]),
        [read()]: down,
        update: down,
        create: down,
        destroy: down,
      });
      await expect(visitor.see(cut)).rejects.toThrow(StoreUnavailableError);
      const request = await visitor.begin(a);
      request.session!.x = 1;
      expect(await visitor.see(b)).toEqual({ cart: { apple: 1 } });
    });

    describe('a session in the token', () => {
      it('is refused when the browser would not keep it, before anything is sent, and names the biggest keys', async () => {
        if (!sealed()) return;
        const visitor = await shopper();
        const { token } = visitor;
        const grow = (session: Session) => {
          session.small = 'x';
          session.note = 'n'.repeat(2800);
          session.picture = 'p'.repeat(3000);
        };
        const tooLarge = { code: 'session_usage', message: expect.stringMatching(/picture \(3002.*note \(2802.*cart/) };
        await expect(visitor.visit(b, grow)).rejects.toMatchObject(tooLarge);
        await expect(visitor.visit(b, (session) => (grow(session), session.save()))).rejects.toMatchObject(tooLarge);
        const login = visitor.visit(b, async (session, request) => {
          await session.regenerate();
          grow(request.session!.bind({ userId: newUser(), epoch: 0 }));
          request.session!.cart = { apple: 1 };
        });
        await expect(login).rejects.toMatchObject(tooLarge);
        // What the browser has is as it was, and the login that failed has ended nothing.
        expect(visitor.token).toBe(token);
        expect(await visitor.see(a)).toEqual({ cart: { apple: 1 } });
      });

      it('may log the browser out when a slow response overtakes a login, and never in', async () => {
        if (!sealed()) return;
        const bystander = new Visitor();
        const first = newUser();
        await bystander.logIn(a, first);
        const slow = [await bystander.begin(a), await bystander.begin(b)];
        for (const request of slow) request.session!.late = true;
        clock += 2 * MINUTE;
        const touching = [await bystander.begin(a), await bystander.begin(b)];
        await bystander.visit(b, (session) => session.destroy());
        await bystander.logIn(b, newUser());
        for (const [i, request] of [...slow, ...touching].entries()) {
          const browser = bystander.copy();
          const here = i % 2 ? b : a;
          await browser.end(here, request).catch((error: unknown) => {
            expect(error).toMatchObject({ code: 'session_ended' });
          });
          // It is the new user's, or nobody's: never again the first one's.
          if (browser.token !== bystander.token) await expectDead(browser);
        }
        // The server that ended the session sends nothing that could take the place of the login.
        const overtaken = bystander.copy();
        await overtaken.end(b, touching[1]);
        expect(overtaken.token).toBe(bystander.token);
        expect((await bystander.see(a))!.user).not.toBe(first);
      });
    });

    describe('an outage', () => {
      describeOutages(it, {
        stores: () => opened.servers,
        server,
        moveClock: (by) => (clock += by),
        isDead: expectDead,
      });
    });

    const otherKeys = () => {
      if (!opened.sealed) throw new Error('A sealed store needs `sealed`: stores with its other keys.');
      return opened.sealed;
    };

    async function replacePayload(visitor: Visitor, change: (payload: string) => string): Promise<void> {
      const [here] = opened.servers;
      if (isSealed(here)) {
        const { record } = here.unseal(visitor.token!)!;
        visitor.token = here.seal({ ...record, payload: change(record.payload) });
        return;
      }
      const { id } = await visitor.begin(a);
      const store = opened.servers[0] as SessionStore;
      const { record } = (await store.find(id))!;
      await store.update({ ...record, version: record.version + 1, payload: change(record.payload) }, record);
    }
  });
}

/** The first call does what it should, the later ones something else. */
function onceThen<A, R>(first: (argument: A) => R, then: () => R): (argument: A) => R {
  let calls = 0;
  return (argument) => (calls++ === 0 ? first(argument) : then());
}

/** The store with each call noted, so that "one read and no write" can be counted. */
function counted(store: AnySessionStore, calls: string[]): AnySessionStore {
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
  return methods as unknown as AnySessionStore;
}

/** A plain object with the store's methods, to replace single ones of. */
function methodsOf(store: AnySessionStore): SessionStore & Partial<SealedStore> {
  const sealed = ['seal', 'unseal', 'admit', 'isKnownToHaveEnded'];
  const kept = ['find', 'listByUser', 'epochOf', 'raiseEpoch', 'updateAbove'];
  const names = [...sealed, ...kept, 'create', 'update', 'touch', 'destroy', 'sweep'];
  const source = store as unknown as Record<string, ((...args: unknown[]) => unknown) | undefined>;
  const methods = Object.fromEntries(names.flatMap((name) => (source[name] ? [[name, source[name].bind(store)]] : [])));
  return { capabilities: store.capabilities, ...methods } as unknown as SessionStore;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** Every kind of damage a token can have: changed characters, spare bits, cut, longer, other alphabets and paths. */
function mutations(token: string): string[] {
  const flipped = [...token].flatMap((char, i) =>
    ['A', 'B', '_', 'Z']
      .filter((other) => other !== char)
      .map((other) => token.slice(0, i) + other + token.slice(i + 1)),
  );
  // The last character carries bits that decoding drops: only one of its spellings is ours.
  const respelled = [...ALPHABET].map((last) => token.slice(0, -1) + last).filter((other) => other !== token);
  const cut = Array.from({ length: token.length }, (_, i) => token.slice(0, i));
  return [
    ...flipped,
    ...respelled,
    ...cut,
    `${token}A`,
    `${token}=`,
    ` ${token}`,
    '../../etc/passwd',
    '%00',
    '{}',
    'null',
    '💣'.repeat(18),
  ];
}
