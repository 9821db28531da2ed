// Lets a program that starts give way to those that serve: on a machine of its own it would take nothing from them.
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';

const { PRIORITY_BELOW_NORMAL, PRIORITY_NORMAL } = constants.priority;

/** Until `takePart`. Does nothing where it could not be taken back. */
export function giveWay(pid: number): void {
  setFor(pid, PRIORITY_BELOW_NORMAL);
}

/** With all the threads that it has begun meanwhile. */
export function takePart(pid: number): void {
  setFor(pid, PRIORITY_NORMAL);
}

function setFor(pid: number, nice: number): void {
  try {
    // Each of our processes has a session, where Linux may share the processor among sessions first: sched(7), autogroup.
    const group = `/proc/${pid}/autogroup`;
    if (existsSync(group)) writeFileSync(group, String(nice));
    // Of a thread: the ones that it begins later inherit it. Nobody but root may raise it again.
    if (process.getuid?.() === 0)
      for (const thread of readdirSync(`/proc/${pid}/task`)) setPriority(Number(thread), nice);
  } catch {
    // It has ended meanwhile, or this system does not have it: then it starts like any other program.
  }
}
