// Many virtual users at once on the site, each with a phone and a laptop; all that they do and see is kept.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { concurrently } from '../support/concurrently.js';
import type { Promises } from './check.js';
import type { Operation } from './history.js';
import { generator } from './random.js';
import { stillNeeded } from './still-needed.js';
import { VirtualUser } from './virtual-user.js';

export interface CrowdOptions {
  readonly site: Site;
  readonly method: MethodTraits;
  readonly users: number;
  /** Requests of all users together. */
  readonly perSecond: number;
  /** Whether users replay the cookies of ended sessions (default true). */
  readonly replays?: boolean;
  /** Whether users end sessions, by a login too, that may have gone on elsewhere (default true). */
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

/** What users can do with this method of keeping sessions. */
export interface MethodTraits {
  /** Which writes one browser may send at the same moment: any, to different keys, none. */
  readonly together: 'same key' | 'different keys' | 'none';
  /** Whether the effect of writes that were sent together is seen at once, whichever answer the browser kept. */
  readonly hasHome: boolean;
  /** Whether a user's devices can be listed and ended one by one. */
  readonly lists: boolean;
  readonly promises: Promises;
}

const WIDTH = 4;
/** The share of what users do that is the registration of another user, and how many of these take part at the end. */
const NEW_USERS = 0.001;
const MOST_NEW_USERS = 32;

export class Crowd {
  readonly history: Operation[] = [];
  private readonly users: VirtualUser[];
  /** Users that registered last while the others acted. They sign in on a second device, and that is all. */
  private readonly newUsers: VirtualUser[] = [];
  private readonly random: () => number;
  private readonly newUser: (name: string, seed: number) => VirtualUser;
  private registered = 0;
  private running = false;
  private loops: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: CrowdOptions) {
    const { users, seed = 1 } = options;
    const crowd = randomBytes(6).toString('hex');
    const record = (each: Operation) => this.history.push(each);
    this.random = generator(seed);
    this.newUser = (name, i) => new VirtualUser({ ...options, name, crowd, seed: seed * 1_000_000 + i, record });
    this.users = Array.from({ length: users }, (_, i) => this.newUser(`u${i}`, i));
  }

  /** All users register, then act until `stop`. */
  async start(): Promise<void> {
    await concurrently(this.users.length, WIDTH, (i) => this.users[i].arrive());
    this.resume();
  }

  /** After `stop`: all users go on. */
  resume(): void {
    this.running = true;
    const { users, perSecond } = this.options;
    const intervalMs = (1000 * users) / perSecond;
    this.loops = Promise.all(this.users.map((user) => this.loop(user, intervalMs)));
  }

  /** Resolves when all users have finished what they are at. */
  async stop(): Promise<void> {
    this.running = false;
    await this.loops;
  }

  /** While all are stopped: drops from the history what no later request can contradict. */
  forgetSettled(): void {
    const inPlay = new Set(this.allUsers.flatMap((user) => user.inPlay));
    const needed = stillNeeded(this.history, inPlay);
    this.history.length = 0;
    for (const operation of needed) this.history.push(operation);
  }

  /** When the site has recovered and is quiet: all users look at everything, on every server. */
  async lookAround(): Promise<void> {
    const { allUsers } = this;
    await concurrently(allUsers.length, WIDTH, (i) => allUsers[i].lookAround());
  }

  close(): void {
    for (const user of this.allUsers) user.close();
  }

  private get allUsers(): readonly VirtualUser[] {
    return [...this.users, ...this.newUsers];
  }

  /** Resolves with how many requests the new user took. */
  private async addUser(): Promise<number> {
    const user = this.newUser(`n${this.registered}`, this.users.length + this.registered++);
    if (await user.tryToArrive()) this.newUsers.push(user);
    else user.close();
    if (this.newUsers.length > MOST_NEW_USERS) this.newUsers.shift()!.close();
    return 2;
  }

  private async loop(user: VirtualUser, intervalMs: number): Promise<void> {
    let next = performance.now() + Math.random() * intervalMs;
    while (this.running) {
      await sleep(Math.max(0, next - performance.now()));
      const sent = this.random() < NEW_USERS ? await this.addUser() : await user.act();
      // What could not be sent in time is not made up for: users do not click twice as fast afterwards.
      next = Math.max(performance.now(), next + intervalMs * sent);
    }
  }
}
