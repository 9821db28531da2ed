// Sessions move from files to the servers' memory and back, while people use the site: slow, so not in every test run.
import { it } from '@jest/globals';
import { moveThereAndBack } from '../support/move-sessions.js';

it(
  'from file to sync and back, with nobody logged out and nothing lost',
  () => moveThereAndBack('file', 'sync'),
  480_000,
);
