// Stores whose calls take their time, some longer than others, so that servers really overtake each other.
import { setTimeout as sleep } from 'node:timers/promises';
import { MemorySessionStore, type SharedMemory } from '../methods/memory/memory-session-store.js';

type Method = (...args: unknown[]) => Promise<unknown>;

export function slowMemory(memory: SharedMemory): MemorySessionStore {
  return slowed(new MemorySessionStore(memory));
}

/** The same store, each call of which waits for a few milliseconds before and after. */
export function slowed<T extends object>(store: T): T {
  return new Proxy(store, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return async (...args: unknown[]) => {
        await sleep(Math.random() * 3);
        const result = await (member as Method).apply(target, args);
        await sleep(Math.random() * 3);
        return result;
      };
    },
  });
}
