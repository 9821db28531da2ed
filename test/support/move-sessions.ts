// A live site moves its sessions from one method to another and back, server by server, while people use it.
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

/** People who click one thing after the other, and what they have to complain of. */
class Crowd {
  isOver = false;
  readonly faults: string[] = [];
  requests = 0;
  refused = 0;

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

  async person(): Promise<Client> {
    const client = new Client(this.url);
    await register(client);
    const written: Record<string, number> = {};
    for (let i = 0; !this.isOver; i++) {
      await this.change(client, written, `item${i % 10}`, 1 + (i % 9));
      const me = await this.click(() => client.get('/api/me'));
      if (me.status !== 200) this.faults.push(`me ${me.status} on ${me.server}`);
      await sleep(60);
    }
    return client;
  }

  private async change(client: Client, written: Record<string, number>, item: string, quantity: number): Promise<void> {
    const put = await this.click(() => client.put(`/api/cart/${item}`, { quantity }));
    if (put.status === 200) written[item] = quantity;
    else this.faults.push(`write ${put.status} on ${put.server}: ${put.text}`);
    const read = await this.click(() => client.get('/api/cart'));
    const seen = read.status === 200 ? read.json<Cart>().items : {};
    if (JSON.stringify(sorted(seen)) !== JSON.stringify(sorted(written)))
      this.faults.push(`read ${read.status} on ${read.server}: ${read.text}, not ${JSON.stringify(written)}`);
  }
}

async function move({ url, servers }: Stack, from: string, to: string): Promise<void> {
  const crowd = new Crowd(url);
  const people = Array.from({ length: 5 }, () => crowd.person());
  // Somebody who signed out before must stay so in every phase.
  const left = new Client(url);
  await register(left);
  const thief = left.copy();
  await left.post('/api/logout');

  const roll = async (settings: Record<string, string>) => {
    for (const server of servers) {
      server.configure(settings);
      await server.stop();
      await server.start();
    }
    const before = crowd.requests;
    while (crowd.requests < before + 60) await sleep(50);
    if (crowd.faults.length > 0) crowd.isOver = true;
    expect(crowd.faults).toEqual([]);
    expect((await crowd.click(() => thief.get('/api/me'))).status).toBe(401);
  };
  for (const settings of [...steps(from, to), ...steps(to, from)]) await roll(settings);
  crowd.isOver = true;
  // Servers that come and go under load may ask for patience; never often.
  expect(crowd.refused).toBeLessThan(crowd.requests / 20);
  const clients = await Promise.all(people);
  expect(crowd.faults).toEqual([]);
  for (const server of servers) {
    const me = await clients[0].get(`${server.url}/api/me`);
    expect([me.status, me.json<{ session: { method: string } }>().session.method]).toEqual([200, from]);
  }
}

function sorted(items: Readonly<Record<string, number>>): [string, number][] {
  return Object.entries(items).sort();
}
