// A whole site moves to another method and back, server by server, while people use it: nobody is logged out, nothing
// is lost, and who has logged out stays so.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { SessionManager } from '../manager.js';
import type { SessionEvent } from '../core/options.js';
import type { AnySessions } from '../carriers/carrier.js';
import { Visitor } from './visitor.js';
import { migrating, type MigrationPhase } from '../migrating/index.js';

/** Makes one server's store; all that one of these makes share their sessions. */
type Make = () => AnySessions;

const SERVERS = 3;
const PEOPLE = 12;

/** The way there and the way back. */
const way: readonly ('from' | MigrationPhase | 'to')[] = [
  'from',
  'prepare',
  'switch',
  'finish',
  'to',
  'finish',
  'switch',
  'prepare',
  'from',
];

class Site {
  readonly servers: SessionManager[] = [];
  readonly events: SessionEvent[] = [];
  ahead = 0;

  constructor(
    private readonly from: Make,
    private readonly to: Make,
    readonly merges: boolean,
  ) {
    for (let i = 0; i < SERVERS; i++) this.restart(i, 'from');
  }

  restart(i: number, step: (typeof way)[number]): void {
    // It runs: where a copy is far behind, the idle limits tell which is the newer.
    const now = () => Date.now() + this.ahead;
    const store =
      step === 'from'
        ? this.from()
        : step === 'to'
          ? this.to()
          : migrating(this.from(), this.to(), { phase: step, now });
    this.servers[i] = new SessionManager({
      store,
      secrets: ['the site signs with this one secret'],
      secure: false,
      now,
      onEvent: (event) => this.events.push(event),
    });
  }

  get any(): SessionManager {
    return this.servers[Math.floor(Math.random() * SERVERS)];
  }
}

/** Somebody who clicks on, each time on another server, and notices whatever is lost. */
class Person {
  readonly visitor = new Visitor();
  readonly complaints: string[] = [];
  clicks = 0;
  visits = 0;
  private logins = 0;

  constructor(
    private readonly site: Site,
    private readonly name: string,
  ) {}

  async logIn(): Promise<void> {
    this.clicks = 0;
    await this.visitor.logIn(this.site.any, `${this.name}-${++this.logins}`);
  }

  async click(): Promise<void> {
    await this.visitor.visit(this.site.any, (session) => {
      if (session.user !== `${this.name}-${this.logins}`) this.complaints.push(`is ${String(session.user)}`);
      const seen = (session.clicks as number | undefined) ?? 0;
      if (seen !== this.clicks) this.complaints.push(`has ${seen} clicks instead of ${this.clicks}`);
      session.clicks = ++this.clicks;
    });
  }

  /** Two requests of one page at once, on different servers. */
  async burst(): Promise<void> {
    const keys = ['left', 'right'];
    const requests = await Promise.all(
      keys.map(async () => {
        const server = this.site.any;
        return { server, request: await this.visitor.begin(server) };
      }),
    );
    const round = `${this.clicks}`;
    for (const [i, { request }] of requests.entries()) {
      if (request.session!.user === undefined) this.complaints.push('is signed out during a burst');
      request.session![keys[i]] = round;
    }
    await Promise.all(requests.map(({ server, request }) => this.visitor.end(server, request)));
    await this.visitor.visit(this.site.any, (session) => {
      const kept = keys.filter((key) => session[key] === round).length;
      if (session.user === undefined) this.complaints.push('is signed out after a burst');
      if (kept < (this.site.merges ? 2 : 1)) this.complaints.push(`kept ${kept} of two changes`);
    });
  }

  /** Logs out, and tries what an old copy of the cookies is worth on every server. */
  async logOut(): Promise<void> {
    const copy = this.visitor.copy();
    await this.visitor.visit(this.site.any, (session) => session.destroy());
    for (const server of this.site.servers) {
      if ((await copy.copy().see(server)) !== undefined) this.complaints.push('is still signed in after the sign-out');
    }
    this.old.push(copy);
    await this.logIn();
  }

  readonly old: Visitor[] = [];
}

/**
 * Moves a site of three servers from one method to the other and back while people use it.
 * @param places called when the test begins
 */
export function describeMovingSite(name: string, places: () => { from: Make; to: Make }): void {
  describe(`a site that moves from ${name} and back`, () => {
    it('logs nobody out, loses nothing and revives nothing', async () => {
      const { from, to } = places();
      const merges = [from(), to()].every(({ capabilities }) => capabilities.mergesKeys);
      const site = new Site(from, to, merges);
      const people = Array.from({ length: PEOPLE }, (_, i) => new Person(site, `person${i}`));
      for (const person of people) await person.logIn();
      let isOver = false;
      const use = async (person: Person, i: number) => {
        while (!isOver) {
          if (i % 4 === 0 && Math.random() < 0.05) await person.logOut();
          else if (i % 4 === 1 && Math.random() < 0.2) await person.burst();
          else await person.click();
          person.visits++;
          await sleep(Math.random() * 4);
        }
      };
      const load = Promise.all(people.map(use));
      /** Everybody has come by. */
      const allCame = async () => {
        const before = people.map(({ visits }) => visits);
        while (people.some(({ visits }, i) => visits < before[i] + 2)) await sleep(5);
      };
      // Who was stopped by an error does not come again.
      const used = () => Promise.race([allCame(), load]);
      try {
        for (const step of way) {
          for (let i = 0; i < SERVERS; i++) {
            site.restart(i, step);
            await used();
            // Time for a renewal of the tokens.
            site.ahead += 16 * 60_000;
            await used();
          }
        }
      } finally {
        isOver = true;
      }
      await load;
      expect(people.flatMap(({ complaints }) => complaints)).toEqual([]);
      expect(site.events.filter(({ type }) => type === 'theft' || type === 'damaged')).toEqual([]);
      for (const { old } of people)
        for (const copy of old)
          for (const server of site.servers) expect(await copy.copy().see(server)).toBeUndefined();
    }, 240_000);
  });
}
