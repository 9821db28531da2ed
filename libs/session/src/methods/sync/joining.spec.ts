// How long a start waits for the sessions of its peers: as long as some come, however many there are.
import { describe, expect, it } from '@jest/globals';
import { StoreUnavailableError } from '../../core/errors.js';
import { Joining } from './joining.js';
import { defaultTimings } from './options.js';

type Parts = ConstructorParameters<typeof Joining>;

const joinWithin = 50;

/** A start beside a peer that serves, of which `repaired` tells how much has come so far. */
function aStart(counters: { readonly repaired: number }, peer: { current: boolean }): Joining {
  const members = [{ name: 'web2', isUp: true, isOwing: true, problem: undefined, peer }];
  const membership = {
    unresolved: [],
    get members() {
      return members.map((each) => ({ ...each, isOwing: !peer.current, current: peer.current }));
    },
  };
  const timings = { ...defaultTimings, joinWithin };
  const options = { security: { secret: 'a secret that the servers of the spec are given' } };
  return new Joining(options, {} as Parts[1], membership as unknown as Parts[2], {} as Parts[3], timings, counters);
}

describe('a start', () => {
  it('waits longer than `joinWithin` where sessions come all the time', async () => {
    const peer = { current: false };
    const began = performance.now();
    const counters = {
      get repaired() {
        if (performance.now() - began > 4 * joinWithin) peer.current = true;
        return performance.now();
      },
    };
    await aStart(counters, peer).join();
    expect(performance.now() - began).toBeGreaterThan(4 * joinWithin);
  });

  it('gives up when none has come for so long', async () => {
    const joining = aStart({ repaired: 7 }, { current: false }).join();
    await expect(joining).rejects.toThrow(StoreUnavailableError);
    await expect(joining).rejects.toThrow('web2');
  });
});
