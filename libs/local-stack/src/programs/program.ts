// A program that was found: how to run it and what it is.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { CommandLine } from '../system/guard.js';

export interface Program {
  /** The command without arguments: the file itself, or the loader that runs it. */
  readonly command: CommandLine;
  /** Arguments it always needs where it was unpacked instead of installed. */
  readonly ownArgs: readonly string[];
  /** As the program says it itself. */
  readonly version: string;
  /** Where it came from, for people. */
  readonly origin: string;
}

export function commandLine(program: Program, args: readonly string[]): CommandLine {
  return { file: program.command.file, args: [...program.command.args, ...program.ownArgs, ...args] };
}

const run = promisify(execFile);

/** What the program prints for `flag`, or why it cannot be run. */
export async function askVersion(command: CommandLine, flag: string): Promise<{ text: string } | { failure: string }> {
  try {
    const { stdout, stderr } = await run(command.file, [...command.args, flag], { timeout: 20_000 });
    return { text: `${stdout}${stderr}`.trim() };
  } catch (error) {
    return { failure: (error as Error).message.split('\n')[0] ?? 'cannot be run' };
  }
}
