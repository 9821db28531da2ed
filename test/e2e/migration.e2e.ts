// Sessions move from the browsers to the database and back, while people use the site. Files and memory: `test/faults`.
import { it } from '@jest/globals';
import { moveThereAndBack } from '../support/move-sessions.js';

it(
  'from cookie to mysql and back, with nobody logged out and nothing lost',
  () => moveThereAndBack('cookie', 'mysql'),
  480_000,
);
