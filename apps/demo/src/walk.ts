// The walk: one user, every server, each step checked.
import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Stack } from '@roam/local-stack';
import { Browser, type Answer } from './browser.js';
import type { Report, Step } from './report.js';
import { killTargetsOf, type KillTarget } from './kill-targets.js';

export interface WalkOptions {
  readonly method: string;
  readonly kill: boolean;
  /** Called as each step ends. */
  readonly onStep?: (step: Step) => void;
}

export interface WalkResult {
  readonly report: Report;
  /** What `kill` has killed, to be started again. */
  readonly killed: readonly KillTarget[];
  /** The kinds whose loss failed no step. */
  readonly survived: ReadonlySet<KillTarget['kind']>;
}

/** What a sealed cookie may live on (see the method's documentation). */
const LOGOUT_WITHIN_MS = 1000;
/** Requests through nginx after each kill. */
const REQUESTS_AFTER_KILL = 10;

interface Target {
  readonly name: string;
  readonly url: string;
}

/** Registers a user on the first server and uses the site on all; resolves with what happened, also when steps failed. */
export async function walk(stack: Stack, options: WalkOptions): Promise<WalkResult> {
  return new Walk(stack, options).run();
}

class Walk {
  private readonly browser = new Browser();
  private readonly steps: Step[] = [];
  private readonly killed: KillTarget[] = [];
  private readonly survived = new Set<KillTarget['kind']>();
  /** What the site has acknowledged: must be seen on every server from then on. */
  private cart: Record<string, number> = {};
  private reLogins = 0;
  private lostWrites = 0;
  private readonly account = {
    email: `walker-${randomUUID().slice(0, 8)}@example.org`,
    password: randomBytes(12).toString('base64url'),
    name: 'Walker',
  };

  constructor(
    private readonly stack: Stack,
    private readonly options: WalkOptions,
  ) {}

  async run(): Promise<WalkResult> {
    const { servers } = this.stack;
    const [first] = servers;
    const second = servers[1 % servers.length];
    const last = servers.at(-1);
    if (!first || !second || !last) throw new Error('The walk needs at least one web server');

    await this.register(first);
    for (const server of others(servers, first)) await this.me(server);
    for (const server of servers) {
      await this.put(server, `item-of-${server.name}`);
      for (const other of others(servers, server)) await this.readCart(other);
    }
    await this.sessions(second);

    const copy = this.browser.copy();
    await this.logout(last);
    for (const server of servers) await this.refused(server, copy);

    // A visitor's cart goes along when the visitor logs in.
    await this.put(first, 'put-before-login', false);
    await this.login(second);
    for (const server of others(servers, second)) await this.me(server);
    await this.readCart(last);

    if (this.options.kill) await this.kill(second);
    await this.logout({ name: 'nginx', url: this.stack.url });
    const { steps, reLogins, lostWrites, killed, survived } = this;
    const ok = steps.every((step) => step.ok) && reLogins === 0 && lostWrites === 0;
    return { report: { ok, method: this.options.method, steps, reLogins, lostWrites }, killed, survived };
  }

  private async register(at: Target): Promise<void> {
    const answer = await this.browser.request('POST', `${at.url}/api/register`, this.account);
    this.note('register', at, answer, answer.status === 201, answer.status === 201);
  }

  private async login(at: Target): Promise<void> {
    const { email, password } = this.account;
    const answer = await this.browser.request('POST', `${at.url}/api/login`, { email, password });
    this.note('log in', at, answer, answer.status === 200, answer.status === 200);
  }

  /** The very next request, on another server: it must know the user. */
  private async me(at: Target): Promise<void> {
    const answer = await this.browser.request('GET', `${at.url}/api/me`);
    const known = this.isUser(answer);
    if (answer.status === 401) this.reLogins++;
    this.note('who am I', at, answer, known, known);
  }

  /** A copy of the cookies from before the logout opens nothing any more, at once or after what the method needs. */
  private async refused(at: Target, copy: Browser): Promise<void> {
    const end = Date.now() + LOGOUT_WITHIN_MS;
    let answer: Answer;
    do {
      answer = await copy.request('GET', `${at.url}/api/me`);
    } while (answer.status !== 401 && this.options.method === 'cookie' && Date.now() < end);
    this.note('logged out everywhere', at, answer, answer.status === 200, answer.status === 401);
  }

  private async put(at: Target, item: string, loggedIn = true): Promise<void> {
    const quantity = Object.keys(this.cart).length + 1;
    const answer = await this.browser.request('PUT', `${at.url}/api/cart/${item}`, { quantity });
    if (answer.status === 200) this.cart[item] = quantity;
    const known = await this.isKnown(at, loggedIn);
    this.note(`put ${item} into the cart`, at, answer, known, answer.status === 200 && known === loggedIn);
  }

  private async readCart(at: Target): Promise<void> {
    const answer = await this.browser.request('GET', `${at.url}/api/cart`);
    const seen = itemsOf(answer.body);
    const lost = answer.status === 200 ? Object.keys(this.cart).filter((item) => seen[item] !== this.cart[item]) : [];
    this.lostWrites += lost.length;
    // Counted once, not at every later read.
    for (const item of lost) delete this.cart[item];
    const count = Object.keys(this.cart).length;
    const known = await this.isKnown(at, true);
    const name = `read the cart: ${count} item${count === 1 ? '' : 's'}`;
    this.note(name, at, answer, known, answer.status === 200 && lost.length === 0 && known);
  }

  private async sessions(at: Target): Promise<void> {
    const answer = await this.browser.request('GET', `${at.url}/api/sessions`);
    // 501: a method that cannot list them says so.
    const current =
      Array.isArray(answer.body) && answer.body.some((session: { current?: unknown }) => session.current === true);
    const known = await this.isKnown(at, true);
    this.note(
      'list my sessions',
      at,
      answer,
      known,
      (answer.status === 501 || (answer.status === 200 && current)) && known,
    );
  }

  private async logout(at: Target): Promise<void> {
    const answer = await this.browser.request('POST', `${at.url}/api/logout`, {});
    const gone = answer.status === 204;
    if (gone) this.cart = {};
    this.note('log out', at, answer, !gone, gone);
  }

  /** Through nginx the walk goes on as if nothing had happened, also when the server dies that took the login. */
  private async kill(loginServer: Target): Promise<void> {
    const nginx = { name: 'nginx', url: this.stack.url };
    for (const target of await killTargetsOf(this.stack, this.options.method, loginServer.name)) {
      const start = performance.now();
      await target.kill();
      this.killed.push(target);
      const ms = Math.round((performance.now() - start) * 10) / 10;
      this.add({ name: target.action, server: target.name, status: null, loggedIn: true, ms, ok: true });
      const from = this.steps.length;
      for (let i = 1; i <= REQUESTS_AFTER_KILL; i += 2) {
        await this.put(nginx, `after-${target.name.replace(' ', '')}-${i}`);
        await this.readCart(nginx);
        // Spread over the seconds in which the others notice.
        await sleep(100);
      }
      if (this.steps.slice(from).every((step) => step.ok)) this.survived.add(target.kind);
    }
  }

  /** Asks the same server whether it knows the user; a "no" that should be a "yes" counts as a login lost. */
  private async isKnown(at: Target, expected: boolean): Promise<boolean> {
    const answer = await this.browser.request('GET', `${at.url}/api/me`);
    if (expected && answer.status === 401) this.reLogins++;
    return this.isUser(answer);
  }

  private isUser({ status, body }: Answer): boolean {
    return status === 200 && (body as { user?: { email?: unknown } }).user?.email === this.account.email;
  }

  private note(name: string, at: Target, { status, server, ms }: Answer, loggedIn: boolean, ok: boolean): void {
    this.add({ name, server: server ?? at.name, status, loggedIn, ms, ok });
  }

  private add(step: Step): void {
    this.steps.push(step);
    this.options.onStep?.(step);
  }
}

function others<T>(all: readonly T[], one: T): T[] {
  return all.filter((item) => item !== one);
}

function itemsOf(body: unknown): Record<string, number> {
  return (body as { items?: Record<string, number> } | undefined)?.items ?? {};
}
