// Which web server leads, where one takes the writes of all.
import type { Stack } from '../types.js';

interface Ready {
  readonly dependencies?: { readonly sessions?: { readonly leader?: string | null } };
}

/** The leader's name, by the first web server that knows one; undefined where none leads, or each server writes. */
export async function leaderOf({ servers }: Pick<Stack, 'servers'>): Promise<string | undefined> {
  const told = await Promise.all(
    servers.map(async ({ metricsUrl }) => {
      const answer = await fetch(`${metricsUrl}/readyz`, { signal: AbortSignal.timeout(1_000) }).catch(() => undefined);
      const { dependencies } = ((await answer?.json()) ?? {}) as Ready;
      return dependencies?.sessions?.leader ?? undefined;
    }),
  );
  return told.find((name) => name !== undefined);
}
