// The memory store keeps the whole contract.
import { describeRoomForUsers, describeSessionStore } from '../../testing/index.js';
import { MemorySessionStore, SharedMemory } from './memory-session-store.js';

const open = async (maxRecords?: number) => {
  const memory = new SharedMemory();
  return { servers: [new MemorySessionStore(memory, maxRecords), new MemorySessionStore(memory, maxRecords)] };
};

describeSessionStore('memory', () => open());
describeRoomForUsers('memory', () => open(40));
