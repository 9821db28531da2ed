// All mutations, by the chapters of docs/security.md.
import { chapter6 } from './chapter-6.js';
import { chapter6Factors } from './chapter-6-factors.js';
import { chapter7 } from './chapter-7.js';
import type { Mutation } from './mutation.js';

export const mutations: readonly Mutation[] = [...chapter6, ...chapter6Factors, ...chapter7];
