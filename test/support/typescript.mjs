// Lets plain Node run TypeScript with decorators, as Jest reads it: `node --import ./test/support/typescript.mjs FILE`.
import { register } from 'node:module';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import { transformFile } from '@swc/core';
import jest from '../../jest.config.js';

const [, swc] = jest.projects[0].transform['^.+\\.ts$'];

// Node runs the hooks below in a thread of their own.
if (isMainThread) register(import.meta.url);

export function resolve(specifier, context, next) {
  const isOurs = context.parentURL?.endsWith('.ts') && specifier.startsWith('.');
  return next(isOurs ? specifier.replace(/\.js$/, '.ts') : specifier, context);
}

export async function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context);
  const { code } = await transformFile(fileURLToPath(url), { ...swc, sourceMaps: 'inline' });
  return { format: 'module', source: code, shortCircuit: true };
}
