// Many people at once on the site, each with a phone and a laptop; everything that they do and see is kept.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { concurrently } from '../support/concurrently.js';
import type { Promises } from './check.js';
import { Person } from './person.js';
import type { Operation } from './history.js';
import { stillNeeded } from './settled.js';

export interface CrowdOptions {
  readonly site: Site;
  readonly method: MethodTraits;
  readonly people: number;
  /** Requests of all people together. */
  readonly perSecond: number;
  /** Whether people try cookies that were logged out (default true). */
  readonly thieves?: boolean;
  /** Whether people end the sessions of their other devices (default true). */
  readonly ends?: boolean;
  /** Makes two crowds do the same, as far as the site answers the same. */
  readonly seed?: number;
}

/** Where requests go. */
export interface Site {
  /** nginx's address. */
  readonly url: string;
  /** The web servers' own addresses, of those that are not meant to be down now. */
  readonly servers: () => readonly { readonly name: string; readonly url: string }[];
}

/** What people can do with this method of keeping sessions. */
export interface MethodTraits {
  /** Which writes one browser may send at the same moment: any, to different keys, none. */
  readonly together: 'same key' | 'different keys' | 'none';
  /** Whether the effect of writes that were sent together is seen at once, whichever answer the browser kept. */
  readonly hasHome: boolean;
  /** Whether a person's devices can be listed and ended one by one. */
  readonly lists: boolean;
  readonly promises: Promises;
}

const WIDTH = 4;

export class Crowd {
  readonly history: Operation[] = [];
  private readonly people: Person[];
  private running = false;
  private loops: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: CrowdOptions) {
    const { people, seed = 1 } = options;
    const crowd = randomBytes(6).toString('hex');
    this.people = Array.from(
      { length: people },
      (_, i) =>
        new Person({
          ...options,
          name: `u${i}`,
          crowd,
          seed: seed * 1000 + i,
          record: (each) => this.history.push(each),
        }),
    );
  }

  /** Everybody registers, then all act until `stop`. */
  async start(): Promise<void> {
    await concurrently(this.people.length, WIDTH, (i) => this.people[i].arrive());
    this.resume();
  }

  /** After `stop`: everybody goes on. */
  resume(): void {
    this.running = true;
    const { people, perSecond } = this.options;
    const intervalMs = (1000 * people) / perSecond;
    this.loops = Promise.all(this.people.map((person) => this.loop(person, intervalMs)));
  }

  /** Lets everybody finish what they are at. */
  async stop(): Promise<void> {
    this.running = false;
    await this.loops;
  }

  /** While all are stopped: drops from the history what no later request can contradict. */
  forgetSettled(): void {
    const inPlay = new Set(this.people.flatMap((person) => person.inPlay));
    const needed = stillNeeded(this.history, inPlay);
    this.history.length = 0;
    for (const operation of needed) this.history.push(operation);
  }

  /** When the site is whole again and quiet: everybody looks at everything, on every server. */
  async lookAround(): Promise<void> {
    await concurrently(this.people.length, WIDTH, (i) => this.people[i].lookAround());
  }

  close(): void {
    for (const person of this.people) person.close();
  }

  private async loop(person: Person, intervalMs: number): Promise<void> {
    let next = performance.now() + Math.random() * intervalMs;
    while (this.running) {
      await sleep(Math.max(0, next - performance.now()));
      const sent = await person.act();
      // What could not be sent in time is not made up for: people do not click twice as fast afterwards.
      next = Math.max(performance.now(), next + intervalMs * sent);
    }
  }
}
