// A start that hangs ends the process with a reason, so that it is started again.
import { expect, it } from '@jest/globals';
import { withTimeout } from './with-timeout.js';

const never = new Promise<string>(() => undefined);

it('passes on what comes in time, also a failure', async () => {
  expect(await withTimeout(10_000, 'it', Promise.resolve('done'))).toBe('done');
  await expect(withTimeout(10_000, 'it', Promise.reject(new Error('broken')))).rejects.toThrow('broken');
});

it('says what it has waited for in vain', async () => {
  await expect(withTimeout(20, 'the threads', never)).rejects.toThrow('Timed out after 0 s waiting for the threads.');
});
