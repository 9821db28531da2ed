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
    'The group has not formed',
    options.timeoutMs ?? 120_000,
  );
  await keeper.settled();
}

/** Forms the group and keeps it until `signal` aborts: nodes that come back join again, a group that was stopped is started again. */
export async function keepGroup(
  options: GroupOptions & { readonly signal: AbortSignal; readonly intervalMs?: number },
): Promise<void> {
  const { signal, intervalMs = 1000, log = () => undefined } = options;
  const keeper = new GroupKeeper(options);
  let said = '';
  while (!signal.aborted) {
    const { online, waiting } = await keeper.round();
    const state = [`online: ${online.join(', ') || 'none'}`, ...waiting].join('; ');
    if (state !== said) log(state);
    said = state;
    await new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, intervalMs);
      signal.addEventListener('abort', end);
    });
  }
}
