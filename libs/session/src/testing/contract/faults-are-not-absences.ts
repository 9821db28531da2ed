// A store that cannot answer is an error, never "no session".
import { expect } from '@jest/globals';
import { StoreUnavailableError } from '../../core/errors.js';
import { down, type Kit } from './kit.js';

export function faultsAreNotAbsences({ it }: Kit): void {
  it('never takes a store that cannot answer for "no session"', async ({ a, b, read, serverWith, shopper }) => {
    const visitor = await shopper();
    const cut = serverWith({ [read]: down, update: down, create: down, destroy: down });
    await expect(visitor.see(cut)).rejects.toThrow(StoreUnavailableError);
    const request = await visitor.begin(a);
    request.session!.x = 1;
    expect(await visitor.see(b)).toEqual({ cart: { apple: 1 } });
  });
}
