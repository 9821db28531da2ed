// Runs the migrations once, before any web server starts.
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { once } from 'node:events';
import { StackError } from '../errors.js';
import { guarded } from '../system/guard.js';
import { commandLineOfNode, preloading } from './node-command.js';

/** `env` is all that the script sees; `preload` a module that it loads before. Throws `StackError` migration_failed with the end of what was printed. */
export async function migrate(
  script: string,
  logFile: string,
  env: Readonly<Record<string, string>>,
  preload?: string,
): Promise<void> {
  const log = openSync(logFile, 'a', 0o600);
  const { file, args } = guarded(commandLineOfNode(script, preloading(preload)));
  const child = spawn(file, args, { stdio: ['ignore', log, log], env: { ...env }, detached: true });
  closeSync(log);
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  if (code === 0) return;
  const tail = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-20).join('\n');
  throw new StackError(
    'migration_failed',
    `The migrations failed (${signal ?? `exit code ${code}`}). The end of their output:\n${tail}`,
  );
}
