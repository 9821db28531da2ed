// Whether a process that left its mark on disk still runs.
import { hostname } from 'node:os';

/** A mark to write into files that belong to this process. */
export function ownMark(): string {
  return `${process.pid} ${hostname()}`;
}

/** False only when the mark's process is certainly gone; a mark of another machine (a shared checkout) counts as alive. */
export function isAlive(mark: string): boolean {
  const [pid, host] = mark.trim().split(' ');
  if (host !== hostname()) return host !== undefined;
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
