// The hints of what ends: many at once are one change, none fails or holds up what it tells of, and none is forgotten.
import { describe, expect, it, jest } from '@jest/globals';
import { StoreUnavailableError } from '../../core/errors.js';
import { HybridClock } from '../../replica/hybrid-clock.js';
import { until } from '../sync/testing/until.js';
import type { Documents, Key, Kind } from './documents.js';
import { EndHints } from './end-hints.js';
import type { EndsDocument } from './ended-lately.js';

jest.setTimeout(30_000);

function make(waitMs = 5000) {
  let document: EndsDocument | undefined;
  let before = async () => undefined as void;
  let changes = 0;
  const change = async <K extends Kind>(
    _: Key<K>,
    successor: (known: Documents[K] | undefined) => Documents[K] | undefined,
  ) => {
    changes++;
    await before();
    document = successor(document as Documents[K] | undefined) as EndsDocument;
    return document as Documents[K];
  };
  return {
    hints: new EndHints({ change }, 'web1', waitMs),
    named: () => Object.keys(document?.ends ?? {}),
    stamps: () => Object.values(document?.ends ?? {}),
    changes: () => changes,
    delay: (act: () => Promise<void>) => void (before = act),
    put: (known: EndsDocument) => void (document = known),
  };
}
const done = Promise.resolve('done');

describe('hints of ends', () => {
  it('of many at once are two changes, of which the second takes all that came during the first', async () => {
    const { hints, named, changes, delay } = make();
    let letGo = () => undefined as void;
    const held = new Promise<void>((resolve) => (letGo = resolve));
    delay(() => held);
    const first = hints.during('first', done);
    await until('the first change has begun', () => changes() === 1);
    const ids = Array.from({ length: 100 }, (_, i) => `s${i}`);
    const all = ids.map((id) => hints.during(id, done));
    letGo();
    expect(await Promise.all([first, ...all])).toEqual(Array(101).fill('done'));
    expect(changes()).toBe(2);
    expect(new Set(named())).toEqual(new Set(['first', ...ids]));
  });

  it('are there when the end is acknowledged', async () => {
    const { hints, named } = make();
    await hints.during('one', done);
    expect(named()).toEqual(['one']);
  });

  it('that cannot be written fail nothing, and are written as soon as they can be', async () => {
    const { hints, named, delay } = make();
    delay(() => Promise.reject(new StoreUnavailableError('on purpose')));
    expect(await hints.during('one', done)).toBe('done');
    expect(await hints.during('two', done)).toBe('done');
    expect(named()).toEqual([]);
    delay(async () => undefined);
    await until('both are written', () => named().length === 2);
    expect(new Set(named())).toEqual(new Set(['one', 'two']));
    hints.close();
  });

  it('hold up an end no longer than they may, and pass its failure on', async () => {
    const { hints, delay } = make(30);
    delay(() => new Promise(() => undefined));
    expect(await hints.during('one', done)).toBe('done');
    await expect(hints.during('two', Promise.reject(new Error('its own')))).rejects.toThrow('its own');
  });

  it('are newer than what is there, though its server has a clock that is ahead', async () => {
    const { hints, named, put, stamps } = make();
    const ahead = new HybridClock('web2', () => Date.now() + 600_000).tick();
    put({ ends: { theirs: ahead }, since: '' });
    await hints.during('ours', done);
    expect(named()).toEqual(['ours', 'theirs']);
    expect(stamps()[0] > ahead).toBe(true);
  });
});
