// What other processes use, such as the helpers of a web server with roam's method `file`. Linux only; zero elsewhere.
import { readdirSync, readFileSync } from 'node:fs';

const PAGE_BYTES = 4096;

/** Microseconds of processor time and bytes of memory of all processes that `pid` has started, and theirs. */
export function usageOfHelpers(pid) {
  const helpers = descendantsOf(pid).map(processUsage);
  return { cpu: sum(helpers.map(({ cpu }) => cpu)), rss: sum(helpers.map(({ rss }) => rss)) };
}

/** The same of one process. */
export function processUsage(pid) {
  // Nanoseconds, of each thread.
  const threads = list(`/proc/${pid}/task`).map((thread) => read(`/proc/${pid}/task/${thread}/schedstat`));
  const cpu = sum(threads.map((stat) => Number(stat.split(' ')[0]) / 1000));
  return { cpu, rss: Number(read(`/proc/${pid}/statm`).split(' ')[1] ?? 0) * PAGE_BYTES };
}

const sum = (numbers) => numbers.reduce((all, each) => all + each, 0);

function descendantsOf(pid) {
  const children = list(`/proc/${pid}/task`).flatMap((thread) =>
    read(`/proc/${pid}/task/${thread}/children`).split(' ').filter(Boolean),
  );
  return children.flatMap((child) => [child, ...descendantsOf(child)]);
}

/** Empty for a process that has just ended. */
function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function list(folder) {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
