// Ids that sort by time.
import { describe, expect, it } from '@jest/globals';
import { uuidV7 } from './uuid-v7.js';

describe('a UUID of version 7', () => {
  it('has the form of RFC 9562, and is another one each time', () => {
    const made = Array.from({ length: 100 }, () => uuidV7());
    for (const id of made) expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
    expect(new Set(made).size).toBe(100);
  });

  it('begins with its time, as the example of RFC 9562 (A.6) does, so that later ones sort behind', () => {
    expect(uuidV7(0x017f22e279b0)).toMatch(/^017f22e2-79b0-7/);
    const made = [1, 255, 256, 0xffffffffff, 0x10000000000].map(uuidV7);
    expect(made.toSorted()).toEqual(made);
  });
});
