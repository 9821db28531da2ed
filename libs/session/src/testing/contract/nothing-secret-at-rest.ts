// A store gets no secret that could stand in for a token, and a token does not show what is sealed in it.
import { expect } from '@jest/globals';
import type { Kit } from './kit.js';

export function nothingSecretAtRest({ it }: Kit): void {
  it('keeps nothing secret in the store', async ({ sealed, store, serverWith, newVisitor }) => {
    const records: unknown[] = [];
    const spying = serverWith({
      create: (record) => {
        records.push(record);
        return store.create(record);
      },
    });
    const visitor = newVisitor();
    await visitor.put(spying, { a: 'private' });
    const bytes = Buffer.from(visitor.token!, 'base64url');
    if (sealed) {
      // Here it is the browser that keeps the content, and may not read it.
      expect(bytes.toString('latin1')).not.toContain('private');
      return;
    }
    const secret = bytes.subarray(17, 37);
    for (const encoding of ['base64url', 'hex', 'base64'] as const) {
      expect(JSON.stringify(records)).not.toContain(secret.toString(encoding));
    }
    expect(records).toHaveLength(1);
  });
}
