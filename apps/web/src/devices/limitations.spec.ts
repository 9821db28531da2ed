// The limitations of session methods: one sentence for each promise that a method does not keep.
import { describe, expect, it } from '@jest/globals';
import { limitations } from './limitations.js';

const whole = {
  capabilities: { method: 'mysql', mergesKeys: true, atomicUpdate: true, logoutWithinMs: 0, readsWhatYouSaw: true },
  noticesTheft: true,
  users: { canList: true, canEndAll: true },
};

describe('the limitations of a method', () => {
  it('are none where every promise is kept', () => expect(limitations(whole)).toEqual([]));

  it.each([
    [{ ...whole, users: { canList: false, canEndAll: true } }, /cannot be listed/],
    [{ ...whole, users: { canList: true, canEndAll: false } }, /cannot sign out your other devices/],
    [{ ...whole, noticesTheft: false }, /is not detected/],
    [{ ...whole, capabilities: { ...whole.capabilities, logoutWithinMs: 1000 } }, /up to 1 s/],
    [{ ...whole, capabilities: { ...whole.capabilities, mergesKeys: false } }, /one may be lost/],
    [{ ...whole, capabilities: { ...whole.capabilities, atomicUpdate: false } }, /only the later change counts/],
    [{ ...whole, capabilities: { ...whole.capabilities, readsWhatYouSaw: false } }, /data from before/],
  ])('are said, each (%#)', (abilities, sentence) => {
    expect(limitations(abilities)).toEqual([expect.stringMatching(sentence)]);
  });
});
