// Whole sites that move between methods, and back.
import { CookieSessions, MemoryRevocationList } from '../methods/cookie/index.js';
import { SharedMemory } from '../methods/memory/memory-session-store.js';
import { describeMovingSite } from '../testing/moving-site.js';
import { slowMemory } from '../testing/slow-memory.js';

const LIFETIME_MS = 30 * 24 * 3_600_000;

const memory = () => {
  const shared = new SharedMemory();
  return () => slowMemory(shared);
};
const cookie = () => {
  const common = { secrets: ['s'.repeat(32)], audience: 'https://roam.example', lifetimeMs: LIFETIME_MS };
  const revocations = new MemoryRevocationList();
  return () => new CookieSessions({ ...common, revocations });
};

describeMovingSite('memory to memory', () => ({ from: memory(), to: memory() }));
describeMovingSite('cookie to memory', () => ({ from: cookie(), to: memory() }));
describeMovingSite('memory to cookie', () => ({ from: memory(), to: cookie() }));
