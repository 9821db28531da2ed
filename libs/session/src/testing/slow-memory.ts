// A memory store whose calls take their time, some longer than others, so that servers really overtake each other.
import { setTimeout as sleep } from 'node:timers/promises';
import { MemorySessionStore, type SharedMemory } from '../memory/memory-session-store.js';

type Method = (...args: unknown[]) => Promise<unknown>;

export function slowMemory(memory: SharedMemory): MemorySessionStore {
  return new Proxy(new MemorySessionStore(memory), {
    get: (store, name) => {
      const member: unknown = Reflect.get(store, name);
      if (typeof member !== 'function') return member;
      return async (...args: unknown[]) => {
        await sleep(Math.random() * 3);
        const result = await (member as Method).apply(store, args);
        await sleep(Math.random() * 3);
        return result;
      };
    },
  });
}
