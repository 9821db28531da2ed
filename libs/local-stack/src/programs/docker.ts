// Docker as the last way to a program: its image's program, run on this machine's network and files, as this user.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Progress } from '../types.js';
import { onPath, type CommandLine } from '../system/guard.js';
import { roamDir } from '../system/project-dir.js';

const run = promisify(execFile);

/** Why Docker will not do here; undefined where it will. */
export async function dockerFault(): Promise<string | undefined> {
  // Elsewhere containers live in a virtual machine, whose loopback is not ours.
  if (process.platform !== 'linux') return 'used on Linux only';
  if (!onPath('docker')) return 'no docker on the PATH';
  try {
    await run('docker', ['info', '--format', '{{.ServerVersion}}'], { timeout: 10_000 });
    return undefined;
  } catch (error) {
    return `the engine does not answer (${lastLine(error)})`;
  }
}

/** Fetches the image where it is missing. Throws with Docker's own words. */
export async function pull(image: string, progress: Progress): Promise<void> {
  try {
    await run('docker', ['image', 'inspect', image]);
  } catch {
    progress(`downloading the image ${image} (once)`);
    await run('docker', ['pull', '--quiet', image], { timeout: 900_000 }).catch((error: unknown) => {
      throw new Error(lastLine(error));
    });
  }
}

/** The image's program as a command: `.roam` is where it is for us, ports are this machine's, files belong to this user. */
export function dockerCommand(image: string, program: string): CommandLine {
  const roam = roamDir();
  const user = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;
  // By its parent's pid, none, mysqld knows that somebody starts it again after a clone.
  const options = [
    '--env=MYSQLD_PARENT_PID=0',

    '--rm',
    '--network=host',
    '--security-opt=label=disable',
    `--user=${user}`,
    `--volume=${roam}:${roam}`,
  ];
  return { file: 'docker', args: ['run', ...options, `--entrypoint=${program}`, image] };
}

function lastLine(error: unknown): string {
  return (error as Error).message.trim().split('\n').at(-1) ?? '';
}
