// Sessions move from files to the servers' memory and back, while people use the site: slow, so not in every test run.
import { afterEach, it, jest } from '@jest/globals';
import { startStack, type Stack } from '@roam/local-stack';
import { moveThereAndBack } from '../support/move-sessions.js';

jest.setTimeout(480_000);

let stack: Stack | undefined;
afterEach(() => stack?.stop());

it('from file to sync and back, with nobody logged out and nothing lost', async () => {
  stack = await startStack({ servers: 2, topology: 'single', env: { SESSION_METHOD: 'file' } });
  await moveThereAndBack(stack, 'file', 'sync');
});
