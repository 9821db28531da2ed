// A program that was found: how to run it and what it is.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { CommandLine } from '../system/guard.js';

export interface Program {
  /** The command without arguments: the file itself, or the loader that runs it. */
  readonly command: CommandLine;
  /** Arguments it always needs where it was unpacked instead of installed. */
  readonly ownArgs: readonly string[];
  /** True where the command is a `docker run`: it then needs a name, and signals go through Docker. */
  readonly container?: boolean;
  /** As the program says it itself. */
  readonly version: string;
  /** Where it came from, for people. */
  readonly origin: string;
}

/** `container` names the container, for a program that Docker runs. */
export function commandLine(program: Program, args: readonly string[], container?: string): CommandLine {
  const [first, ...more] = program.command.args;
  const command = container === undefined ? program.command.args : [first ?? 'run', '--name', container, ...more];
  return { file: program.command.file, args: [...command, ...program.ownArgs, ...args] };
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
