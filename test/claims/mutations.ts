// All mutations, by the chapters of docs/security.md.
import { chapter6 } from './chapter-6.js';
import type { Mutation } from './mutation.js';

export const mutations: readonly Mutation[] = [...chapter6];
