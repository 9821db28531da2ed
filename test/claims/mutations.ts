// All mutations, by the chapters of docs/security.md, and those of a reviewer.
import { chapter3 } from './chapter-3.js';
import { chapter6 } from './chapter-6.js';
import { chapter6Factors } from './chapter-6-factors.js';
import { chapter7 } from './chapter-7.js';
import { chapter11, chapter9 } from './chapter-9.js';
import { chapter12, chapter13, chapter14 } from './chapter-13.js';
import { chapter16 } from './chapter-16.js';
import type { Mutation } from './mutation.js';
import { reviewed } from './reviewed.js';

export const mutations: readonly Mutation[] = [
  ...[...chapter3, ...chapter6, ...chapter6Factors, ...chapter7, ...chapter9],
  ...[...chapter11, ...chapter12, ...chapter13, ...chapter14, ...chapter16],
  ...reviewed,
];
