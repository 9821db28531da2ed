// What the tests of an outage share: a server whose way to the store can be cut, and a user who is signed in there.
import { setTimeout as sleep } from 'node:timers/promises';
import type { SessionOptions } from '../../core/options.js';
import type { SessionManager } from '../../manager.js';
import type { AnySessions } from '../../carriers/carrier.js';
import { isSealed } from '../../carriers/sealed.js';
import { newId } from '../../core/identity.js';
import type { SessionRecord } from '../../port/records.js';
import type { SessionStore } from '../../port/store.js';
import type { Visitor } from '../visitor.js';
import { down, newUser, type Kit } from './kit.js';

const CALLS = ['find', 'admit', 'create', 'update', 'touch', 'destroy', 'listByUser', 'epochOf', 'raiseEpoch'];

/** A server of its own, whose way to the store can be cut, and a user who is signed in there. */
export async function cuttable(kit: Kit, outage: SessionOptions['outage']) {
  const { store, serverWith } = kit;
  const way = { isCut: false };
  const methods = store as unknown as Record<string, (...args: unknown[]) => unknown>;
  const calls = CALLS.filter((name) => methods[name]).map((name) => [
    name,
    (...args: unknown[]) => (way.isCut ? down() : methods[name](...args)),
  ]);
  const web = serverWith(Object.fromEntries(calls) as Partial<SessionStore>, { outage });
  return { way, web, ...(await signedIn(kit, web)) };
}

/** A store whose sessions are in the token and that has to ask somebody else what has ended shows nothing. */
export function canShow(store: AnySessions): boolean {
  const unknown = { id: newId(Date.now()), userId: null, epoch: 0 } as SessionRecord;
  return !isSealed(store) || !store.mayHaveEnded(unknown);
}

export async function signedIn(
  { newVisitor }: Kit,
  web: SessionManager,
): Promise<{ visitor: Visitor; userId: string }> {
  const visitor = newVisitor();
  const userId = newUser();
  await visitor.logIn(web, userId);
  await visitor.put(web, { cart: { apple: 1 } });
  return { visitor, userId };
}

export async function until(isTrue: () => Promise<boolean>): Promise<void> {
  for (let i = 0; !(await isTrue()); i++) {
    if (i > 200) throw new Error('Timed out after 10 s waiting for the server to use the store again.');
    await sleep(50);
  }
}
