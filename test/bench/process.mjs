// The benchmark's own processes: started on given processor cores, asked by messages, gone with whoever started them.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Linux's program that chooses processor cores. */
const TASKSET = 'taskset';

/** The cores that this process may use, where that can be told; none elsewhere. */
export function usableCores() {
  const { status, stdout } = spawnSync(TASKSET, ['-cp', String(process.pid)], { encoding: 'utf8' });
  if (status !== 0) return [];
  return stdout
    .slice(stdout.lastIndexOf(':') + 1)
    .split(',')
    .flatMap((range) => {
      const [first, last = first] = range.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, i) => first + i);
    });
}

/** Moves a running process to these cores. */
export function pin(pid, cores) {
  if (cores.length > 0) spawnSync(TASKSET, ['-acp', cores.join(','), String(pid)]);
}

/** Runs a script of this folder on these cores; `ask` calls one of the functions that it gave to `answerParent`. */
export async function startProcess(script, { cores, args = [], nodeArgs = [] }) {
  const node = [process.execPath, ...nodeArgs, fileURLToPath(new URL(script, import.meta.url)), ...args];
  const [file, ...rest] = cores.length > 0 ? [TASKSET, '-c', cores.join(','), ...node] : node;
  const child = spawn(file, rest, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, NODE_ENV: 'production' },
    // A process group of its own: Ctrl-C reaches us only, and we stop the others in order.
    detached: true,
  });
  const exited = once(child, 'exit');
  const ended = exited.then(([code, signal]) => {
    throw new Error(
      `${[script, ...args.slice(0, 1)].join(' ')} exited unexpectedly (${signal ?? `exit code ${code}`}): see its output above`,
    );
  });
  ended.catch(() => undefined);
  const answer = async () => {
    const [{ error, result }] = await Promise.race([once(child, 'message'), ended]);
    if (error !== undefined) throw new Error(error);
    return result;
  };
  const ask = (name, options) => {
    child.send({ name, options });
    return answer();
  };
  try {
    await answer();
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  return {
    ask,
    /** In order, so that profiles get written. */
    async stop() {
      await ask('close').catch(() => undefined);
      child.disconnect();
      await exited;
    },
  };
}

/** In such a process: answers what `startProcess(…).ask` asks, one question at a time, and ends when nobody can ask. */
export function answerParent(functions) {
  if (!process.connected) process.exit();
  process.on('disconnect', () => process.exit());
  process.on('message', ({ name, options }) => {
    Promise.resolve(functions[name]?.(options)).then(
      (result) => process.send({ result }),
      (error) => process.send({ error: error.stack ?? String(error) }),
    );
  });
  process.send({ result: 'ready' });
}
