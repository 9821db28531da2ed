// Opens a file store in a process of its own: what `startStores` starts for the tests.
import type { OpenStore } from '../../../testing/store-processes.js';
import { FileSessionStore, type FileSessionStoreOptions } from '../file-session-store.js';

export const openStore: OpenStore = async (settings) => {
  const store = await FileSessionStore.open(settings as unknown as FileSessionStoreOptions);
  return { store, close: () => store.close() };
};
