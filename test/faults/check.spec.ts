// The checker is only worth what it finds: histories that break a promise, and a crowd on stores that do.
import { describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { SharedMemory } from '@roam/session';
import { brokenStores, slowed, WholeStore, type StoreOnMemory } from '@roam/session/testing';
import { check, explain, strict, type Violation } from './check.js';
import { Crowd } from './crowd.js';
import type { Operation } from './history.js';
import { stillNeeded } from './still-needed.js';
import { startSmallSite } from './small-site.js';

let clock = 0;

/** A request of the user `u`, ten milliseconds after the last one unless `begun` says otherwise. */
function operation(given: Partial<Operation> & Pick<Operation, 'action'>): Operation {
  const begun = given.begun ?? (clock += 10);
  const status = given.outcome === 'unknown' ? undefined : 200;
  return { user: 'u', via: 'nginx', outcome: 'ok', status, begun, ended: begun + 5, ...given };
}

const write = (value: number, more: Partial<Operation> = {}) =>
  operation({ action: 'write', cart: 'c', key: 'u-k', value, ...more });
const read = (value: number | undefined, more: Partial<Operation> = {}) =>
  operation({ action: 'read', cart: 'c', seen: value === undefined ? {} : { 'u-k': value }, ...more });
const login = (makes: string, more: Partial<Operation> = {}) => operation({ action: 'login', makes, ...more });
const me = (token: string, status: number, more: Partial<Operation> = {}) =>
  operation({ action: 'me', token, status, outcome: status === 200 ? 'ok' : 'failed', ...more });
const logout = (token: string, more: Partial<Operation> = {}) =>
  operation({ action: 'logout', token, ends: [token], ...more });

const promises = (history: Operation[], given = strict) => check(history, given).map(({ promise }) => promise);

describe('what a key of the session shows', () => {
  it('may be the last write, one that runs beside the read, or one without an answer', () => {
    expect(promises([read(undefined), write(1), read(1), write(2), read(2)])).toEqual([]);
    const [first, second] = [write(3), write(4, { begun: clock + 2 })];
    expect(promises([first, second, read(3, { begun: clock + 3, ended: clock + 90 })])).toEqual([]);
    expect(promises([write(5), write(6, { outcome: 'unknown' }), read(5), read(6), read(6)])).toEqual([]);
  });

  it('may not be older than an acknowledged write, nor nothing', () => {
    expect(promises([write(1), write(2), read(1)])).toEqual(['no acknowledged write is lost']);
    expect(promises([write(1), read(undefined)])).toEqual(['no acknowledged write is lost']);
  });

  it('may not be older than what was read, whether or not the write was acknowledged', () => {
    const history = [write(1), write(2, { outcome: 'unknown', ended: clock + 20 }), read(2), read(1)];
    expect(promises(history)).toEqual(['no browser reads older than it has read']);
  });

  it('may not be a write that nobody sent, or one from before a freeze', () => {
    expect(promises([write(1), read(7)])).toEqual(['no write lands that nobody sent, or long after it was sent']);
    const late = [write(1, { outcome: 'unknown' }), write(2, { begun: (clock += 6_000) }), read(2), read(1)];
    expect(promises(late)).toEqual(['no browser reads older than it has read']);
  });

  it('may, from a copy, lack one of two writes that ran side by side, but nothing else', () => {
    const first = write(1, { ended: clock + 50 });
    const second = write(2, { key: 'u-other', begun: clock + 2, ended: clock + 48 });
    clock += 60;
    expect(promises([first, second, read(undefined, { fromCopy: true })])).toEqual([]);
    expect(promises([first, second, read(undefined)])).toContain('no acknowledged write is lost');
    expect(promises([write(3), read(undefined, { fromCopy: true })])).toEqual(['no acknowledged write is lost']);
  });

  it('may, of writes sent together where sessions have no home, be settled when all is quiet', () => {
    const together = [write(1, { isLoose: true }), read(undefined)];
    expect(promises(together)).toEqual([]);
    expect(promises([...together, read(undefined, { isFinal: true })])).toEqual(['no acknowledged write is lost']);
  });
});

describe('a login', () => {
  it('lives until it is ended, also by a request whose answer was lost', () => {
    expect(promises([login('a'), me('a', 200), logout('a'), me('a', 401)])).toEqual([]);
    expect(promises([login('a'), logout('a', { outcome: 'unknown' }), me('a', 200), me('a', 401)])).toEqual([]);
  });

  it('may not end by itself', () => {
    expect(promises([login('a'), me('a', 401)])).toEqual(['nobody is logged out']);
    // The logout of an earlier login does not explain it.
    expect(promises([login('a'), logout('a'), login('b'), me('b', 401)])).toEqual(['nobody is logged out']);
  });

  it('may not outlive its end, but for the time that the method says', () => {
    const history = [login('a'), logout('a'), me('a', 200)];
    expect(promises(history)).toEqual(['no acknowledged logout is undone']);
    expect(promises(history, { ...strict, endWithinMs: 1000 })).toEqual([]);
  });

  it('may not come back', () => {
    const history = [login('a'), logout('a', { outcome: 'unknown' }), me('a', 401), me('a', 200)];
    expect(promises(history)).toEqual(['no session comes back']);
  });

  it('that races with the end of all others lives or not, and stays so', () => {
    const race = [
      login('a'),
      operation({ action: 'end-others', token: 'a', ends: 'others', begun: clock + 10, ended: clock + 30 }),
      login('b', { begun: clock + 15, ended: clock + 25 }),
    ];
    clock += 30;
    expect(promises([...race, me('b', 401), me('b', 401)])).toEqual([]);
    expect(promises([...race, me('b', 200), me('b', 200)])).toEqual([]);
    expect(promises([...race, me('b', 200), me('b', 401)])).toEqual(['nobody is logged out']);
    expect(promises([...race, me('a', 401)])).toEqual(['nobody is logged out']);
    // What is shown in an outage was so before the race.
    expect(promises([...race, me('b', 200, { fromCopy: true }), me('b', 401)])).toEqual([]);
  });

  it('works with what was registered', () => {
    const register = operation({ action: 'register', makes: 'a', status: 201 });
    expect(promises([register, login('b', { status: 401, outcome: 'failed' })])).toEqual([
      'no acknowledged login is lost',
    ]);
  });
});

it('nobody sees what is somebody else’s', () => {
  expect(promises([me('a', 200, { who: 'v' })])).toEqual(['nobody sees what is somebody else’s']);
  expect(promises([operation({ action: 'read', cart: 'c', seen: { 'v-k': 1 } })])).toContain(
    'nobody sees what is somebody else’s',
  );
});

it('prints the shortest history that breaks a promise', () => {
  const history = [write(1), write(2), read(2), write(3), read(2), login('a'), me('a', 401)];
  const said = explain(check(history))!;
  expect(said.split('\n')).toHaveLength(4);
  expect(said).toContain('Broken: nobody is logged out.');
  expect(said).toContain('and 1 more');
  expect(explain([])).toBeUndefined();
});

it('of what is settled, keeps what later requests may contradict, and no cart without its first write', () => {
  const history = [
    operation({ action: 'register', makes: 'a', status: 201 }),
    write(1, { cart: 'old' }),
    login('b'),
    read(1, { cart: 'old', token: 'b' }),
    me('b', 200),
    write(2, { cart: 'new' }),
    logout('a'),
    logout('b'),
  ];
  const kept = (...names: string[]) => stillNeeded(history, new Set(names));
  expect(kept('b', 'new')).toEqual([history[0], history[2], history[4], history[5], history[7]]);
  expect(kept('old')).toEqual([history[0], history[1], history[3]]);
  expect(kept()).toEqual([history[0]]);
});

/** Which promises a crowd finds broken on three servers over this store; looked for in one history, or piece by piece. */
async function brokenOn(StoreClass: StoreOnMemory, inPieces = false): Promise<Violation[]> {
  const memory = new SharedMemory();
  const site = await startSmallSite([1, 2, 3].map(() => slowed(new StoreClass(memory))));
  const places = site.urls.map((url, i) => ({ name: `web${i + 1}`, url }));
  let next = 0;
  const crowd = new Crowd({
    // Each time another server, as nginx does.
    site: {
      get url() {
        return places[next++ % 3].url;
      },
      servers: () => places,
    },
    method: { together: 'same key', hasHome: true, lists: true, promises: strict },
    users: 8,
    perSecond: 600,
  });
  try {
    await crowd.start();
    const end = performance.now() + 4_000;
    while (performance.now() < end && check(crowd.history).length === 0) {
      await sleep(200);
      if (!inPieces) continue;
      await crowd.stop();
      const found = check(crowd.history);
      if (found.length > 0) return found;
      crowd.forgetSettled();
      crowd.resume();
    }
    await crowd.stop();
    await crowd.lookAround();
    return check(crowd.history);
  } finally {
    crowd.close();
    await site.close();
  }
}

describe('a crowd', () => {
  it('finds no fault with a store that is whole', async () => {
    expect(explain(await brokenOn(WholeStore))).toBeUndefined();
  }, 20_000);

  it('finds the same in a history that is checked piece by piece', async () => {
    expect(explain(await brokenOn(WholeStore, true))).toBeUndefined();
    expect(await brokenOn(brokenStores['the version is not checked'].store, true)).not.toEqual([]);
  }, 20_000);

  it.each([
    ['destroy does nothing', 'no acknowledged logout is undone'],
    ['raiseEpoch does nothing', 'no acknowledged logout is undone'],
    ['the version is not checked', 'no acknowledged write is lost'],
    ['the version is checked and then written, not both at once', 'no acknowledged write is lost'],
    ['a copy lags and ignores the mark', 'no acknowledged write is lost'],
    ['a server keeps its sessions to itself', 'nobody is logged out'],
  ])(
    'catches it when %s',
    async (fault, promise) => {
      const violations = await brokenOn(brokenStores[fault].store);
      expect(violations.map((violation) => violation.promise)).toContain(promise);
    },
    20_000,
  );
});
