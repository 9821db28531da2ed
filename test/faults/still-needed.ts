// What of a long history has to be kept, so that it can be checked piece by piece.
import { strict } from './check.js';
import type { Operation } from './history.js';

/**
 * What later requests may contradict. A promise is about one cart or one login (`check.ts`), so a request is needed as
 * long as one of those that it touches is in play. To be asked when no request is under way: one that has not been kept
 * yet may explain what others have seen.
 * @param inPlay the names of all carts and logins that later requests can be about
 */
export function stillNeeded(history: readonly Operation[], inPlay: ReadonlySet<string>): Operation[] {
  /** Of each user's logins that are in play, when the first was begun. */
  const since = new Map<string, number>();
  for (const { makes, user, begun } of history)
    if (makes !== undefined && inPlay.has(makes)) since.set(user, Math.min(begun, since.get(user) ?? Infinity));
  return history.filter(({ action, user, token, makes, cart, ends = [], begun, ended }) => {
    if (action === 'register') return true;
    // A cart is kept whole or not at all: what the check knows of a login is in `me`, and that says nothing of a cart.
    const names = [makes, action === 'me' ? token : cart, ...(ends === 'others' ? [] : ends)];
    if (names.some((name) => name !== undefined && inPlay.has(name))) return true;
    const latest = Math.max(begun + strict.horizonMs, ended) + ENDS_WITHIN_MS;
    return ends === 'others' && latest > (since.get(user) ?? Infinity);
  });
}

/** As long as any method lets an acknowledged logout take, and more. */
const ENDS_WITHIN_MS = 1_000;
