// Many people at once on the site, each with a phone and a laptop; everything that they do and see is kept.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { concurrently } from '../support/concurrently.js';
import type { Promises } from './check.js';
import { Person } from './person.js';
import type { Operation } from './history.js';
import { generator } from './random.js';
import { stillNeeded } from './settled.js';

export interface CrowdOptions {
  readonly site: Site;
  readonly method: MethodTraits;
  readonly people: number;
  /** Requests of all people together. */
  readonly perSecond: number;
  /** Whether people try cookies that were logged out (default true). */
  readonly thieves?: boolean;
  /** Whether people end sessions, by a login too, that may have gone on elsewhere (default true). */
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
/** Of what people do, so much is that somebody else opens an account; and so many of these are kept in view. */
const NEWCOMERS = 0.001;
const MOST_NEWCOMERS = 32;

export class Crowd {
  readonly history: Operation[] = [];
  private readonly people: Person[];
  /** Those who came last while the others acted. They open an account, sign in on a second device, and that is all. */
  private readonly newcomers: Person[] = [];
  private readonly random: () => number;
  private readonly invite: (name: string, seed: number) => Person;
  private came = 0;
  private running = false;
  private loops: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: CrowdOptions) {
    const { people, seed = 1 } = options;
    const crowd = randomBytes(6).toString('hex');
    const record = (each: Operation) => this.history.push(each);
    this.random = generator(seed);
    this.invite = (name, i) => new Person({ ...options, name, crowd, seed: seed * 1_000_000 + i, record });
    this.people = Array.from({ length: people }, (_, i) => this.invite(`u${i}`, i));
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
    const inPlay = new Set(this.everybody.flatMap((person) => person.inPlay));
    const needed = stillNeeded(this.history, inPlay);
    this.history.length = 0;
    for (const operation of needed) this.history.push(operation);
  }

  /** When the site is whole again and quiet: everybody looks at everything, on every server. */
  async lookAround(): Promise<void> {
    const { everybody } = this;
    await concurrently(everybody.length, WIDTH, (i) => everybody[i].lookAround());
  }

  close(): void {
    for (const person of this.everybody) person.close();
  }

  private get everybody(): readonly Person[] {
    return [...this.people, ...this.newcomers];
  }

  /** Resolves with how many requests the newcomer took. */
  private async welcome(): Promise<number> {
    const newcomer = this.invite(`n${this.came}`, this.people.length + this.came++);
    if (await newcomer.tryToArrive()) this.newcomers.push(newcomer);
    else newcomer.close();
    if (this.newcomers.length > MOST_NEWCOMERS) this.newcomers.shift()!.close();
    return 2;
  }

  private async loop(person: Person, intervalMs: number): Promise<void> {
    let next = performance.now() + Math.random() * intervalMs;
    while (this.running) {
      await sleep(Math.max(0, next - performance.now()));
      const sent = this.random() < NEWCOMERS ? await this.welcome() : await person.act();
      // What could not be sent in time is not made up for: people do not click twice as fast afterwards.
      next = Math.max(performance.now(), next + intervalMs * sent);
    }
  }
}
