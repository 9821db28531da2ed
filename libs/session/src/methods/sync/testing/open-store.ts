// What a process of the specs runs: one `SyncSessionStore`, with a clock that may be set wrong.
import type { OpenStore } from '../../../testing/store-processes.js';
import type { SyncOptions } from '../options.js';
import { SyncSessionStore } from '../sync-session-store.js';

/** `clockOffset` in milliseconds. */
export type ProcessSettings = Omit<SyncOptions, 'now' | 'onEvent' | 'lookup' | 'isCutOff'> & {
  readonly clockOffset?: number;
};

export const openStore: OpenStore = async (settings) => {
  const { clockOffset = 0, ...options } = settings as unknown as ProcessSettings;
  const store = await SyncSessionStore.open({ ...options, now: () => Date.now() + clockOffset });
  return { store, close: () => store.close() };
};
