// Writes what nginx has to know of the routes of an app that a module changes before it starts.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { StackError } from '../errors.js';
import { commandLineOfNode, plainEnvironment, preloading } from './node-command.js';

const run = promisify(execFile);

/**
 * Returns the folder.
 * @param app the folder of the built web app
 * @throws {StackError} start_failed with what was printed
 */
export async function writeRoutes(app: string, preload: string, folder: string): Promise<string> {
  const { file, args } = commandLineOfNode(join(app, 'write-routes.js'), preloading(preload));
  try {
    await run(file, [...args, folder], { env: plainEnvironment(), timeout: 60_000 });
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string };
    throw new StackError('start_failed', `The routes of the app could not be read:\n${stderr.trim() || message}`);
  }
  return folder;
}
