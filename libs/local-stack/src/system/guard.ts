// Ties a child's life to ours: it dies with this process, also when this process is killed with -9.
import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface CommandLine {
  readonly file: string;
  readonly args: readonly string[];
}

/**
 * On Linux the kernel does it: setpriv asks for SIGKILL at the death of the parent *thread*, which is Node's main
 * thread, then becomes the program (same pid). So guarded children must not be started from a worker thread. The
 * shell in between ends where the parent died before setpriv asked.
 */
export function guarded(command: CommandLine): CommandLine {
  if (!hasSetpriv) return command;
  const script = '[ "$PPID" = "$1" ] || exit 1; shift; exec "$@"';
  return {
    file: 'setpriv',
    args: ['--pdeathsig', 'KILL', 'sh', '-c', script, 'sh', String(process.pid), command.file, ...command.args],
  };
}

/**
 * Elsewhere (and for containers, which are not our children) a small shell waits on a pipe whose other end dies with
 * us, then runs `command`. Returns what ends the watch without running it; undefined where `guarded` does the work.
 */
export function watchOver(command: CommandLine): () => void {
  const watcher: ChildProcess = spawn('sh', ['-c', 'cat >/dev/null; exec "$@"', 'sh', command.file, ...command.args], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  watcher.on('error', () => undefined);
  watcher.unref();
  return () => {
    watcher.kill('SIGKILL');
    watcher.stdin?.destroy();
  };
}

/** The file of a program on the PATH, or undefined. `extra` are folders that are often not on a user's PATH. */
export function onPath(name: string, extra: readonly string[] = []): string | undefined {
  for (const dir of [...(process.env.PATH ?? '').split(delimiter), ...extra]) {
    const file = join(dir, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not here.
    }
  }
  return undefined;
}

export const hasSetpriv = process.platform === 'linux' && onPath('setpriv') !== undefined;
