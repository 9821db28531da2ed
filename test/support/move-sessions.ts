// A live site moves its sessions from one method to another and back, server by server, while users work on it.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { startStack, type Stack } from '@roam/local-stack';
import { Client, type Answer } from './browser.js';
import { register } from './people.js';

interface Cart {
  readonly items: Readonly<Record<string, number>>;
}

/** The settings of each step from one method to the other; the last one has left the first method behind. */
const steps = (from: string, to: string) => [
  ...['prepare', 'switch', 'finish'].map((phase) => ({
    SESSION_METHOD: to,
    SESSION_MIGRATE_FROM: from,
    SESSION_MIGRATE_PHASE: phase,
  })),
  { SESSION_METHOD: to, SESSION_MIGRATE_FROM: '', SESSION_MIGRATE_PHASE: '' },
];

/** Expects that nobody is logged out by it and nothing is lost, on a stack of its own. */
export async function moveThereAndBack(from: string, to: string): Promise<void> {
  const stack = await startStack({ servers: 2, topology: 'single', env: { SESSION_METHOD: from } });
  try {
    await move(stack, from, to);
  } finally {
    await stack.stop();
  }
}

async function move(stack: Stack, from: string, to: string): Promise<void> {
  const { url, servers } = stack;
  const traffic = new Traffic(url);
  const users = Array.from({ length: 5 }, () => traffic.useSite());
  // A user who signed out before must stay so in every phase.
  const left = new Client(url);
  await register(left);
  const copy = left.copy();
  await left.post('/api/logout');

  for (const settings of [...steps(from, to), ...steps(to, from)]) {
    for (const server of servers) {
      server.configure(settings);
      await server.stop();
      await server.start();
    }
    await traffic.expectGoesOn();
    expect((await traffic.click(() => copy.get('/api/me'))).status).toBe(401);
  }
  traffic.isOver = true;
  // Servers that come and go under load may ask for patience; never often.
  expect(traffic.refused).toBeLessThan(traffic.requests / 20);
  const clients = await Promise.all(users);
  expect(traffic.faults).toEqual([]);
  for (const server of servers) {
    const me = await clients[0].get(`${server.url}/api/me`);
    expect([me.status, me.json<{ session: { method: string } }>().session.method]).toEqual([200, from]);
  }
}

/** Users who click, one click after the other, and what went wrong for them. */
class Traffic {
  isOver = false;
  requests = 0;
  refused = 0;
  readonly faults: string[] = [];

  constructor(private readonly url: string) {}

  /** On whichever server nginx chooses, and again after a 503. */
  async click(act: () => Promise<Answer>): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      const answer = await act();
      this.requests++;
      if (answer.status !== 503 || attempt === 20) return answer;
      this.refused++;
      await sleep(250);
    }
  }

  async useSite(): Promise<Client> {
    const client = new Client(this.url);
    await register(client);
    const written: Record<string, number> = {};
    for (let i = 0; !this.isOver; i++) {
      const item = `item${i % 10}`;
      const quantity = 1 + (i % 9);
      const put = await this.click(() => client.put(`/api/cart/${item}`, { quantity }));
      if (put.status === 200) written[item] = quantity;
      else this.faults.push(`write ${put.status} on ${put.server}: ${put.text}`);
      const read = await this.click(() => client.get('/api/cart'));
      const seen = read.status === 200 ? read.json<Cart>().items : {};
      if (JSON.stringify(sorted(seen)) !== JSON.stringify(sorted(written)))
        this.faults.push(`read ${read.status} on ${read.server}: ${read.text}, not ${JSON.stringify(written)}`);
      const me = await this.click(() => client.get('/api/me'));
      if (me.status !== 200) this.faults.push(`me ${me.status} on ${me.server}`);
      await sleep(60);
    }
    return client;
  }

  /** Expects sixty more requests without a fault; the first fault ends the traffic. */
  async expectGoesOn(): Promise<void> {
    const before = this.requests;
    while (this.requests < before + 60) await sleep(50);
    if (this.faults.length > 0) this.isOver = true;
    expect(this.faults).toEqual([]);
  }
}

function sorted(items: Readonly<Record<string, number>>): [string, number][] {
  return Object.entries(items).sort();
}
