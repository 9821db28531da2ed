// Starts a program of the stack again when it dies or does not answer any more, as Docker does in docker-compose.yml.
import { setTimeout as sleep } from 'node:timers/promises';
import type { StackProcess } from '@roam/local-stack';

const lookEveryMs = 250;
/** Longer than any request takes: a program that answers nothing for this long stands still. */
const answerWithinMs = 5_000;

/** What is supervised, and how it shows that it lives. */
export interface Supervised {
  readonly process: Pick<StackProcess, 'name' | 'kill' | 'start'>;
  /** Resolves false when nothing listens there, true for any answer; the signal aborts it. */
  readonly answers: (signal: AbortSignal) => Promise<boolean>;
  readonly onRestart?: (reason: 'died' | 'does not answer') => void;
}

/** Returns how to stop that; resolves when a restart under way is over. */
export function supervise({ process, answers, onRestart }: Supervised): () => Promise<void> {
  const stopped = new AbortController();
  const look = async () => {
    const late = AbortSignal.timeout(answerWithinMs);
    const lives = await answers(AbortSignal.any([late, stopped.signal])).catch(() => false);
    if (lives || stopped.signal.aborted) return;
    onRestart?.(late.aborted ? 'does not answer' : 'died');
    await process.kill();
    await process.start();
  };
  const watch = async () => {
    while (!stopped.signal.aborted) {
      // What failed now is tried again at the next look.
      await look().catch(() => undefined);
      await sleep(lookEveryMs, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  };
  const over = watch();
  return () => {
    stopped.abort();
    return over;
  };
}

/** Any answer will do: whether the site is well is not the question. */
export const answersHttp = (url: string) => (signal: AbortSignal) =>
  fetch(url, { signal }).then(async (response) => {
    await response.body?.cancel();
    return true;
  });
