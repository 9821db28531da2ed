// What the helper processes of a web server use: roam's method `file` has one for each mount. Linux only; zero elsewhere.
import { readdirSync, readFileSync } from 'node:fs';

const PAGE_BYTES = 4096;

/** Microseconds of processor time and bytes of memory of all processes that `pid` has started, and theirs. */
export function usageOfHelpers(pid) {
  let [cpu, rss] = [0, 0];
  for (const helper of descendantsOf(pid)) {
    // Nanoseconds, of each thread.
    for (const thread of list(`/proc/${helper}/task`))
      cpu += Number(read(`/proc/${helper}/task/${thread}/schedstat`).split(' ')[0]) / 1000;
    rss += Number(read(`/proc/${helper}/statm`).split(' ')[1] ?? 0) * PAGE_BYTES;
  }
  return { cpu, rss };
}

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
