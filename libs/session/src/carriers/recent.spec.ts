import { expect, it } from '@jest/globals';
import { Recent } from './recent.js';

const entry = (name: string) => ({ name });

it('keeps what is used, and never more than twice its size', () => {
  const recent = new Recent<{ name: string }>(3);
  recent.set('used', entry('used'));
  for (let count = 0; count < 100; count++) {
    recent.set(`other ${count}`, entry('other'));
    expect(recent.get('used')).toEqual({ name: 'used' });
  }
  const known = Array.from({ length: 100 }, (_, count) => recent.get(`other ${count}`)).filter(Boolean);
  expect(known.length).toBeLessThan(6);
  expect(recent.get('other 99')).toEqual({ name: 'other' });
  expect(recent.get('other 0')).toBeUndefined();
});
