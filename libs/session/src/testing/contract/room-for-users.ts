// The promise of a bounded store: visitors do not fill it, and users have room.
import { expect } from '@jest/globals';
import { TooManySessionsError } from '../../core/errors.js';
import type { SessionEvent } from '../../core/options.js';
import { SessionManager } from '../../manager.js';
import type { AnySessions } from '../../carriers/carrier.js';
import { keepsRoom } from '../../port/abilities.js';
import { newUser, SECRETS } from './kit.js';
import { jestRunner, type TestRunner } from '../runner.js';
import type { StoreUnderTest } from '../store-under-test.js';
import { Visitor } from '../visitor.js';

/** More than a store under test should have room for. */
const MOST = 2000;
const cart = 'x'.repeat(100);

/**
 * Asserts that users sign in while visitors fill a store that is an instance of `SessionRoom`.
 * @param open a new store with room for at least twenty sessions, and for less than two thousand
 */
export function describeRoomForUsers(
  name: string,
  open: () => Promise<StoreUnderTest>,
  runner: TestRunner = jestRunner,
): void {
  runner.describe(`${name}: room for users`, () => {
    runner.it('signs users in on each server while visitors fill the store, and loses no visitor for it', () =>
      onSite(open, async ({ servers, events }) => {
        const { visitors, refused } = await fill(servers);
        expect(refused).toBeInstanceOf(TooManySessionsError);
        expect(events.at(-1)).toEqual({ type: 'visitor-refused', reason: 'room' });
        for (const server of servers) {
          await expect(begin(server)).rejects.toThrow(TooManySessionsError);
          const someone = new Visitor();
          await someone.logIn(server, newUser());
          for (const each of servers) expect(await someone.see(each)).toMatchObject({ user: expect.any(String) });
        }
        // With what they have put in before.
        await visitors[0].logIn(servers[0], newUser());
        for (const visitor of visitors) expect(await visitor.see(servers[0])).toMatchObject({ cart });
      }),
    );

    runner.it('lets no visitor grow in it then, but take things out, and wait for a second factor', () =>
      onSite(open, async ({ servers: [server, ...others] }) => {
        const { visitors } = await fill([server, ...others]);
        const [visitor] = visitors;
        await expect(visitor.put(server, { more: 'y'.repeat(1000) })).rejects.toThrow(TooManySessionsError);
        await visitor.put(server, { cart: 'x' });
        expect(await visitor.see(server)).toEqual({ cart: 'x' });
        const someone = new Visitor();
        for (const proved of [visitor, someone])
          await proved.visit(server, (session) => {
            server.users.proved(session);
            session.awaited = 'z'.repeat(200);
          });
        expect(await someone.see(server)).toEqual({ awaited: expect.any(String) });
      }),
    );
  });
}

interface OpenSite {
  readonly servers: readonly SessionManager[];
  readonly events: readonly SessionEvent[];
}

async function onSite(open: () => Promise<StoreUnderTest>, test: (site: OpenSite) => Promise<void>): Promise<void> {
  const opened = await open();
  const events: SessionEvent[] = [];
  const onEvent = (event: SessionEvent) => void events.push(event);
  try {
    expect(opened.servers.every(keepsRoom)).toBe(true);
    const manager = (store: AnySessions) => new SessionManager({ store, secrets: SECRETS, secure: false, onEvent });
    await test({ servers: opened.servers.map(manager), events });
  } finally {
    await opened.close?.();
  }
}

/** A new visitor. */
async function begin(server: SessionManager): Promise<Visitor> {
  const visitor = new Visitor();
  await visitor.put(server, { cart });
  return visitor;
}

/** Visitors come to each server in turn, until one is refused. */
async function fill(servers: readonly SessionManager[]): Promise<{ visitors: Visitor[]; refused: unknown }> {
  const visitors: Visitor[] = [];
  for (let i = 0; i < MOST; i++) {
    const visitor = await begin(servers[i % servers.length]).catch((error: unknown) => error);
    if (!(visitor instanceof Visitor)) return { visitors, refused: visitor };
    visitors.push(visitor);
  }
  throw new Error(`The store took ${MOST} visitors: open it with less room.`);
}
