// The contract of sessions, with each request over real HTTP: to servers of Express, and to servers of Fastify.
import { jest } from '@jest/globals';
import { CookieSessions } from '../methods/cookie/cookie-sessions.js';
import { MemoryRevocationList } from '../methods/cookie/revocation/memory-revocation-list.js';
import { MemorySessionStore, SharedMemory } from '../methods/memory/memory-session-store.js';
import { describeSealedSessions } from '../testing/index.js';
import { applications, HttpSite } from './testing/http-visitor.js';

// Some tests send a thousand requests.
jest.setTimeout(60_000);

const [KEY, NEW_KEY] = ['k'.repeat(32), 'n'.repeat(32)];

for (const [name, application] of Object.entries(applications)) {
  describeSealedSessions(`memory over ${name}`, async () => {
    const memory = new SharedMemory();
    const site = new HttpSite(application);
    return {
      servers: [new MemorySessionStore(memory), new MemorySessionStore(memory)],
      visitor: site.visitor,
      close: () => site.close(),
    };
  });

  describeSealedSessions(`cookie over ${name}`, async () => {
    const revocations = new MemoryRevocationList();
    const storeWith = (secrets: string[], audience = 'https://roam.example') =>
      new CookieSessions({ secrets, audience, revocations, lifetimeMs: 30 * 24 * 3_600_000 });
    const site = new HttpSite(application);
    return {
      servers: [storeWith([KEY]), storeWith([KEY])],
      sealed: {
        rotated: storeWith([NEW_KEY, KEY]),
        foreign: [storeWith([NEW_KEY]), storeWith([KEY], 'https://other.example')],
      },
      visitor: site.visitor,
      close: () => site.close(),
    };
  });
}
