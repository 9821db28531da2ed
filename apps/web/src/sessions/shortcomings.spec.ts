// A method that keeps every promise has none; whatever one lacks is said.
import { describe, expect, it } from '@jest/globals';
import { shortcomings } from './shortcomings.js';

const whole = {
  capabilities: { method: 'mysql', mergesKeys: true, atomicUpdate: true, logoutWithinMs: 0, readsWhatYouSaw: true },
  noticesTheft: true,
  users: { canList: true, canEndAll: true },
};

describe('the shortcomings of a method', () => {
  it('are none where every promise is kept', () => expect(shortcomings(whole)).toEqual([]));

  it.each([
    [{ ...whole, users: { canList: false, canEndAll: true } }, /cannot be listed/],
    [{ ...whole, users: { canList: true, canEndAll: false } }, /cannot sign out your other devices/],
    [{ ...whole, noticesTheft: false }, /is not detected/],
    [{ ...whole, capabilities: { ...whole.capabilities, logoutWithinMs: 1000 } }, /up to 1 s/],
    [{ ...whole, capabilities: { ...whole.capabilities, mergesKeys: false } }, /one may be lost/],
    [{ ...whole, capabilities: { ...whole.capabilities, atomicUpdate: false } }, /only the later change counts/],
    [{ ...whole, capabilities: { ...whole.capabilities, readsWhatYouSaw: false } }, /data from before/],
  ])('are said, each (%#)', (abilities, sentence) => {
    expect(shortcomings(abilities)).toEqual([expect.stringMatching(sentence)]);
  });
});
