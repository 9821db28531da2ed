// The memory store keeps the whole contract.
import { describeSessionStore } from '../../testing/index.js';
import { MemorySessionStore, SharedMemory } from './memory-session-store.js';

describeSessionStore('memory', async () => {
  const memory = new SharedMemory();
  return { servers: [new MemorySessionStore(memory), new MemorySessionStore(memory)] };
});
