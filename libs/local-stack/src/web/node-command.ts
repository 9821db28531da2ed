// How the stack runs Node scripts, and the surroundings they get.
import { pathToFileURL } from 'node:url';
import type { CommandLine } from '../system/guard.js';

/** The same node that runs us; `options` are node's own. */
export function commandLineOfNode(script: string, options: readonly string[] = []): CommandLine {
  return { file: process.execPath, args: [...options, script] };
}

/** Node's options that load a module before the script. */
export function preloading(module: string | undefined): string[] {
  return module === undefined ? [] : [`--import=${pathToFileURL(module).href}`];
}

/** What a web server gets of our own environment: nothing that could change its settings or how it runs. */
export function plainEnvironment(): Record<string, string> {
  const env: Record<string, string> = {};
  for (const name of ['PATH', 'HOME', 'TZ', 'LANG']) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  return env;
}
