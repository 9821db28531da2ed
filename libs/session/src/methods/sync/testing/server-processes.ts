// Servers of the specs in processes of their own.
import { builtModule } from '../../../built-file.js';
import { startStores, type StoreProcess } from '../../../testing/store-processes.js';
import type { SyncStats } from '../options.js';
import type { ProcessSettings } from './open-store.js';

export function startServers(settings: readonly ProcessSettings[]): Promise<StoreProcess[]> {
  return startStores(builtModule('./open-store.js', import.meta.url), settings);
}

export function statsOf({ store }: StoreProcess): Promise<SyncStats> {
  return (store as unknown as { stats(): Promise<SyncStats> }).stats();
}
