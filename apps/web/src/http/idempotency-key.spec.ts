// Which headers are an idempotency key.
import { describe, expect, it } from '@jest/globals';
import type { Request } from 'express';
import { clientKeyOf } from './idempotency-key.js';

const keyOf = (header: string | undefined) => clientKeyOf({ get: () => header } as unknown as Request);

describe('the client’s idempotency key', () => {
  it.each([
    [undefined, undefined],
    ['8e03978e-40d5-43dd-bc93-6894a57f9324', '8e03978e-40d5-43dd-bc93-6894a57f9324'],
    ['"8e03978e"', '8e03978e'],
    ['"a\\"b\\\\c"', 'a"b\\c'],
    ['x'.repeat(64), 'x'.repeat(64)],
  ])('%s is %s', (header, key) => expect(keyOf(header)).toBe(key));

  it.each(['', '""', '"a', 'a"', 'a b', 'a, b', '"a", "b"', 'x'.repeat(65), `"${'x'.repeat(65)}"`, 'é', 'a\\b'])(
    '%j is refused',
    (header) => expect(() => keyOf(header)).toThrow(expect.objectContaining({ status: 400 })),
  );
});
