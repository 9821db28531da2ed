// What two stores promise together: the weaker of both rows of the promise table.
import { keepsRoom } from '../port/abilities.js';
import type { SessionCapabilities, SessionWriter } from '../port/store.js';

/** A promise that one of the two cannot keep is not made. */
export function weaker(old: SessionWriter, young: SessionWriter, shown: SessionWriter): SessionCapabilities {
  const [a, b] = [old.capabilities, young.capabilities];
  return {
    method: shown.capabilities.method,
    mergesKeys: a.mergesKeys && b.mergesKeys,
    atomicUpdate: a.atomicUpdate && b.atomicUpdate,
    logoutWithinMs: Math.max(a.logoutWithinMs, b.logoutWithinMs),
    readsWhatYouSaw: a.readsWhatYouSaw && b.readsWhatYouSaw,
    ...smallest(a.contentBytes, b.contentBytes),
  };
}

function smallest(...bounds: readonly (number | undefined)[]): Pick<SessionCapabilities, 'contentBytes'> {
  const contentBytes = Math.min(...bounds.map((bound) => bound ?? Infinity));
  return contentBytes < Infinity ? { contentBytes } : {};
}

/** Whether one of the two keeps the room that is left for users. */
export function isForUsersOnly(...stores: readonly SessionWriter[]): boolean {
  return stores.some((store) => keepsRoom(store) && store.isForUsersOnly);
}
