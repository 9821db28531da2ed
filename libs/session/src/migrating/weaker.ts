// What two stores promise together: the weaker of both rows of the promise table.
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
  };
}
