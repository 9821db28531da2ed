// What is done when this process ends without having stopped its stacks (Ctrl-C while starting, a failed test).
type Cleanup = () => void;

const cleanups = new Set<Cleanup>();
let listening = false;

/** Runs `cleanup`, which must be synchronous, when the process exits; returns what takes that back. */
export function atExit(cleanup: Cleanup): () => void {
  if (!listening) process.once('exit', runAll);
  listening = true;
  cleanups.add(cleanup);
  return () => cleanups.delete(cleanup);
}

/** The last registered first: processes are killed before their folder goes. */
function runAll(): void {
  for (const cleanup of [...cleanups].reverse()) {
    try {
      cleanup();
    } catch {
      // The next run removes what stays.
    }
  }
}
