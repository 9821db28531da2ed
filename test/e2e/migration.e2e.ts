// Sessions move from the browsers to the database and back, while people use the site. Files and memory: `test/faults`.
import { afterEach, it, jest } from '@jest/globals';
import { startStack, type Stack } from '@roam/local-stack';
import { moveThereAndBack } from '../support/move-sessions.js';

jest.setTimeout(480_000);

let stack: Stack | undefined;
afterEach(() => stack?.stop());

it('from cookie to mysql and back, with nobody logged out and nothing lost', async () => {
  stack = await startStack({ servers: 2, topology: 'single', env: { SESSION_METHOD: 'cookie' } });
  await moveThereAndBack(stack, 'cookie', 'mysql');
});
