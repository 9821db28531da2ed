// The two ways to use a keeper: form a group and return, or stay and keep it.
import { GroupKeeper, type GroupOptions } from './keeper.js';

/**
 * Forms the group, or completes it, and returns when every node is ONLINE. Rejects with `GroupTimeoutError` after
 * `timeoutMs` (default 120 s), naming those for whom it waited.
 */
export async function formGroup(options: GroupOptions & { readonly timeoutMs?: number }): Promise<void> {
  const keeper = new GroupKeeper(options);
  await keeper.until(
    ({ online }) => online.length === options.nodes.length,
    'all nodes of the group to be ONLINE',
    options.timeoutMs ?? 120_000,
  );
  await keeper.settled();
}

/** Forms the group and keeps it until `signal` aborts: nodes that come back join again, a group that was stopped is started again. */
export async function keepGroup(
  options: GroupOptions & { readonly signal: AbortSignal; readonly intervalMs?: number },
): Promise<void> {
  const { signal, intervalMs } = options;
  await new GroupKeeper(options).keep(signal, intervalMs);
}
