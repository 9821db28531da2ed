// How this process ends: with a reason when it cannot go on, and in good order when it is asked to.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';

/** Runs start; a failure is logged in one line and ends the process with 1. So does any error that nobody caught. */
export async function exitOnFailure(logger: Logger, start: () => Promise<void>): Promise<void> {
  const end = (error: unknown) => {
    logger.fatal({ err: error }, error instanceof Error ? error.message : String(error));
    process.exit(1);
  };
  process.on('uncaughtException', end).on('unhandledRejection', end);
  try {
    await start();
  } catch (error) {
    end(error);
  }
}

/** At SIGTERM or SIGINT: runs `finish` once and exits 0, or 1 when it takes longer than `withinMs`. */
export function onEndSignal(logger: Logger, withinMs: number, finish: () => Promise<void>): void {
  let ending = false;
  const end = async (signal: NodeJS.Signals) => {
    if (ending) return;
    ending = true;
    logger.info({ signal }, 'ending: finishing what runs');
    const late = sleep(withinMs, 'late' as const, { ref: false });
    const outcome = await Promise.race([finish().then(() => 'done' as const), late]);
    if (outcome === 'late') logger.error(`still not ended after ${withinMs} ms: ending anyway`);
    else logger.info('ended');
    process.exit(outcome === 'done' ? 0 : 1);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, (name) => void end(name));
}
