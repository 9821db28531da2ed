// The end of this process: with a reason when it cannot continue, and gracefully when it is asked to stop.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';

/** The exit code of a server that asks to be started again: EX_TEMPFAIL of sysexits.h. */
export const REPLACEMENT_EXIT_CODE = 75;

/** Sets the handler of uncaught errors. */
type SetHandler = (handle: (error: unknown) => void) => void;

/**
 * Runs `start`. If it fails, one line is logged and the process exits with 1. An uncaught error does the same until
 * `start` sets a handler: from then on the server serves, and must not stop because of an error of one request.
 */
export async function exitOnFailure(logger: Logger, start: (setHandler: SetHandler) => Promise<void>): Promise<void> {
  const end = (error: unknown) => exitAtOnce(logger, error);
  let handle: (error: unknown) => void = end;
  const uncaught = (error: unknown) => {
    // Node reports with these that its own state is invalid: no code can be trusted to continue.
    if ((error as { code?: unknown } | null)?.code === 'ERR_INTERNAL_ASSERTION') end(error);
    try {
      handle(error);
    } catch (fault) {
      end(fault);
    }
  };
  process.on('uncaughtException', uncaught).on('unhandledRejection', uncaught);
  try {
    await start((setHandler) => (handle = setHandler));
  } catch (error) {
    end(error);
  }
}

/** For a guarantee that cannot be kept any more: no code may catch this, and no request may suffer from it. */
export function exitAtOnce(logger: Logger, error: unknown): never {
  logger.fatal({ err: error }, error instanceof Error ? error.message : String(error));
  process.exit(1);
}

/**
 * At SIGTERM or SIGINT, or when the returned function is called: runs `finish` once and exits with 0 or the given code,
 * or with 1 if it takes longer than `withinMs`.
 */
export function onEndSignal(
  logger: Logger,
  withinMs: number,
  finish: () => Promise<void>,
): (reason: string, exitCode: number) => void {
  let ending = false;
  const end = async (reason: string, exitCode: number) => {
    if (ending) return;
    ending = true;
    logger.info({ signal: reason }, 'stopping: waiting for the requests in progress');
    const late = sleep(withinMs, 'late' as const, { ref: false });
    const outcome = await Promise.race([finish().then(() => 'done' as const), late]);
    if (outcome === 'late') logger.error(`requests were still in progress after ${withinMs} ms: stopping all the same`);
    else logger.info('stopped');
    process.exit(outcome === 'done' ? exitCode : exitCode || 1);
  };
  const begin = (reason: string, exitCode: number) =>
    void end(reason, exitCode).catch((error: unknown) => exitAtOnce(logger, error));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, (name) => begin(name, 0));
  return begin;
}
