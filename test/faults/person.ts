// One person of a fault test: does this and that on two devices, and keeps what was said.
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type Answer, type Body } from '../support/browser.js';
import type { CrowdOptions } from './crowd.js';
import type { Action, Operation, Outcome } from './history.js';
import { generator } from './random.js';

/** A device; everything on it but the cookies is what the person knows. */
interface Device {
  readonly name: string;
  client: Client;
  /** The name of the login, while signed in. */
  token: string | undefined;
  cart: string;
  /** The last quantity that was put into the cart: each is used once. */
  quantity: number;
  /** Whether something in the cart was sent together with something else, so perhaps to both sides of a cut. */
  mayBeSplit: boolean;
}

/** A copy of cookies that must be worth nothing. */
interface Ghost {
  readonly client: Client;
  readonly token: string;
}

interface Sent extends Partial<Pick<Operation, 'token' | 'makes' | 'ends' | 'cart' | 'key' | 'value'>> {
  readonly action: Action;
  readonly via?: Place;
  readonly isGhost?: boolean;
  readonly isLoose?: boolean;
  readonly isFinal?: boolean;
}

interface Place {
  readonly name: string;
  readonly url: string;
}

interface Shown {
  readonly user?: { readonly email?: string };
  readonly items?: Readonly<Record<string, number>>;
}

export interface PersonOptions extends CrowdOptions {
  readonly name: string;
  /** Tells this crowd's people from another's of the same names. */
  readonly crowd: string;
  readonly record: (operation: Operation) => void;
}

/** What a person waits for an answer at most: longer counts as none. */
const PATIENCE_MS = 5_000;
/** Of one item in the cart. */
const MOST = 1000;
const KEYS = 5;
/** So many requests long people wait who could not sign in. */
const PAUSE = 8;
const GHOSTS = 4;
/** To register. */
const ATTEMPTS = 5;

export class Person {
  private readonly random: () => number;
  private readonly devices: readonly Device[];
  private readonly ghosts: Ghost[] = [];
  private names = 0;
  /** Logins and logouts of which nobody knows whether they happened. */
  private strays = 0;

  constructor(private readonly options: PersonOptions) {
    this.random = generator(options.seed ?? 1);
    this.devices = ['phone', 'laptop'].map((name) => ({
      name,
      client: this.newClient(),
      token: undefined,
      cart: `${options.name}.${name}.cart`,
      quantity: 0,
      mayBeSplit: false,
    }));
  }

  private get email(): string {
    return `${this.options.name}.${this.options.crowd}@example.org`;
  }

  private get credentials(): { email: string; password: string } {
    return { email: this.email, password: `a long passphrase of ${this.options.name}` };
  }

  /** The names of the logins and carts that its next requests may be about. */
  get inPlay(): readonly string[] {
    return [
      ...this.devices.flatMap(({ token, cart }) => [token ?? cart, cart]),
      ...this.ghosts.map(({ token }) => token),
    ];
  }

  async arrive(): Promise<void> {
    const [phone, laptop] = this.devices;
    let answer: Answer | undefined;
    // Many come at once, and each password costs the site much.
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      answer = await this.register(phone);
      if (answer !== undefined && answer.status < 500) break;
      await sleep(1_000);
    }
    // Without an answer, an earlier attempt may have made the account.
    if (answer?.status === 409) {
      this.strays++;
      await this.signIn(phone);
    } else if (answer?.status !== 201) throw new Error(`register answered ${answer?.status}: ${answer?.text}`);
    await this.signIn(laptop);
  }

  /** Registers, whatever the site is going through; false when that failed. */
  async tryToArrive(): Promise<boolean> {
    const [phone, laptop] = this.devices;
    if ((await this.register(phone))?.status !== 201) return false;
    await this.signIn(laptop);
    return true;
  }

  /** One thing that people do; resolves with how many requests it took. */
  async act(): Promise<number> {
    const device = this.devices[this.random() < 0.7 ? 0 : 1];
    if (device.token === undefined) return this.signIn(device);
    const dice = this.random();
    if (dice < 0.36) return this.look(device);
    if (dice < 0.56) return this.read(device);
    if (dice < 0.82) return this.write(device);
    if (dice < 0.9) return this.writeTwice(device);
    if (dice < 0.95) return this.tryGhost();
    // What takes a login afterwards is rare: a password is checked at the cost of many requests.
    if (dice < 0.985) return this.look(device);
    if (dice < 0.99) return this.signOut(device);
    if (dice < 0.993 || this.options.ends === false) return this.signIn(device);
    if (dice < 0.996) return this.revokeOther(device);
    return this.endOthers(device);
  }

  async lookAround(): Promise<void> {
    for (const via of this.options.site.servers()) {
      for (const device of this.devices) {
        if (device.token !== undefined) await this.look(device, { via, isFinal: true });
        if (device.token !== undefined) await this.read(device, { via, isFinal: true });
      }
      for (const ghost of this.ghosts) await this.lookAsGhost(ghost, { via, isFinal: true });
    }
  }

  close(): void {
    for (const { client } of [...this.devices, ...this.ghosts]) client.close();
  }

  private async register(device: Device): Promise<Answer | undefined> {
    const makes = this.nameFor(device);
    const account = { ...this.credentials, name: this.options.name };
    const answer = await this.send(device, { action: 'register', makes }, 'POST', '/api/register', account);
    if (answer?.status === 201) device.token = makes;
    return answer;
  }

  private async look(device: Device, how: Partial<Sent> = {}): Promise<number> {
    const answer = await this.send(device, { action: 'me', ...how }, 'GET', '/api/me');
    if (answer?.status === 401) this.forget(device);
    return 1;
  }

  /** After a race: who cannot tell whether the login has won starts anew. */
  private async lookIfSignedIn(device: Device): Promise<void> {
    if (device.token === undefined) return;
    // Before that a server may let in what has lost: its cart would be taken for the winner's.
    await sleep(this.options.method.promises.endWithinMs);
    const answer = await this.send(device, { action: 'me' }, 'GET', '/api/me');
    if (answer?.status === 200 && !this.shownBy(answer).fromCopy) return;
    if (answer?.status !== 401) this.strays++;
    this.forget(device);
  }

  private async read(device: Device, how: Partial<Sent> = {}): Promise<number> {
    await this.send(device, { action: 'read', ...how }, 'GET', '/api/cart');
    return 1;
  }

  private async write(device: Device, key = this.key(), how: Partial<Sent> = {}): Promise<number> {
    if (device.quantity === MOST) this.forget(device);
    const value = ++device.quantity;
    await this.send(device, { action: 'write', key, value, ...how }, 'PUT', `/api/cart/${key}`, { quantity: value });
    return 1;
  }

  private async writeTwice(device: Device): Promise<number> {
    const { together, hasHome } = this.options.method;
    if (together === 'none') return this.write(device);
    const keys = [this.key(), this.key()];
    if (keys[0] === keys[1] && together === 'different keys') return this.write(device);
    device.mayBeSplit = !hasHome;
    await Promise.all(keys.map((key) => this.write(device, key, { isLoose: !hasHome })));
    return 2;
  }

  /** A new login, also on a device that is signed in; what a visitor had in the cart is kept. */
  private async signIn(device: Device): Promise<number> {
    const before = device.token;
    // A login on one side of a cut keeps what that side knows: see docs/sync.md.
    if (this.options.ends === false && device.mayBeSplit) return this.look(device);
    if (before === undefined && this.random() < 0.3) await this.write(device);
    const copy = before === undefined ? undefined : { client: device.client.copy(), token: before };
    const makes = this.nameFor(device);
    const ends = before === undefined ? [] : [before];
    const answer = await this.send(device, { action: 'login', makes, ends }, 'POST', '/api/login', this.credentials);
    // Without an answer nobody knows which of the two logins these cookies are worth.
    if (answer?.status === 200) {
      device.token = makes;
      if (copy) this.haunt(copy);
      return 1;
    }
    this.strays++;
    this.forget(device);
    return PAUSE;
  }

  private async signOut(device: Device): Promise<number> {
    const ghost = { client: device.client.copy(), token: device.token! };
    const answer = await this.send(device, { action: 'logout', ends: [ghost.token] }, 'POST', '/api/logout');
    this.forget(device);
    if (answer?.status === 204) this.haunt(ghost);
    else this.strays++;
    return 1;
  }

  /** Ends the other device's session by the list of sessions. */
  private async revokeOther(device: Device): Promise<number> {
    if (!this.options.method.lists) return this.endOthers(device);
    const other = this.otherThan(device);
    const list = await this.send(device, { action: 'list' }, 'GET', '/api/sessions');
    if (list?.status !== 200) return 1;
    const handles = list.json<{ handle: string; current: boolean }[]>().filter(({ current }) => !current);
    // Sessions whose login was never answered may be in the list as well: all are ended, and none for certain.
    const isLoose = handles.length > 1 || this.strays > 0;
    const ends = isLoose ? 'others' : other.token === undefined ? [] : [other.token];
    for (const { handle } of handles)
      await this.send(device, { action: 'revoke', ends, isLoose }, 'DELETE', `/api/sessions/${handle}`);
    await this.leaveBehind(other);
    return 1 + handles.length;
  }

  /** Ends all other sessions, half of the time while the other device signs in. */
  private async endOthers(device: Device): Promise<number> {
    const other = this.otherThan(device);
    const races = this.random() < 0.5;
    if (races) {
      if (other.token !== undefined) await this.signOut(other);
      this.forget(other);
    }
    const [answer] = await Promise.all([
      this.send(device, { action: 'end-others', ends: 'others' }, 'DELETE', '/api/sessions'),
      races && this.signIn(other),
    ]);
    if (answer?.status === 204) this.strays = 0;
    if (answer?.status === 403) await this.signIn(device);
    else if (races) await this.lookIfSignedIn(other);
    else await this.leaveBehind(other);
    return 2;
  }

  /** Somebody ended this device's session, or may have: what it has must be worth nothing, and it starts anew. */
  private async leaveBehind(device: Device): Promise<void> {
    if (device.token === undefined) return;
    this.haunt({ client: device.client, token: device.token });
    device.client = this.newClient();
    this.forget(device);
  }

  private async tryGhost(): Promise<number> {
    const ghost = this.ghosts[Math.floor(this.random() * this.ghosts.length)];
    if (ghost) await this.lookAsGhost(ghost);
    return 1;
  }

  private async lookAsGhost({ client, token }: Ghost, how: Partial<Sent> = {}): Promise<void> {
    await this.request(client, { action: 'me', isGhost: true, token, ...how }, 'GET', '/api/me');
  }

  private haunt(ghost: Ghost): void {
    if (this.options.thieves === false) return ghost.client.close();
    this.ghosts.push(ghost);
    if (this.ghosts.length > GHOSTS) this.ghosts.shift()!.client.close();
  }

  /** As after clearing the cookies. */
  private forget(device: Device): void {
    device.client.cookies.clear();
    device.token = undefined;
    device.cart = `${this.options.name}.${device.name}.cart${++this.names}`;
    device.quantity = 0;
    device.mayBeSplit = false;
  }

  private send(device: Device, sent: Sent, method: Method, path: string, body?: Body): Promise<Answer | undefined> {
    const { token, cart } = device;
    return this.request(device.client, { ...(token !== undefined && { token }), cart, ...sent }, method, path, body);
  }

  /** Undefined when there was no whole answer in time. */
  private async request(
    client: Client,
    { via = this.place(), ...sent }: Sent,
    method: Method,
    path: string,
    body?: Body,
  ): Promise<Answer | undefined> {
    const begun = performance.now();
    const call = { GET: () => client.get(via.url + path), POST: () => client.post(via.url + path, body) };
    const calls = { ...call, PUT: () => client.put(via.url + path, body), DELETE: () => client.delete(via.url + path) };
    let answer: Answer | undefined;
    let fault: unknown;
    try {
      answer = await calls[method]();
    } catch (error) {
      fault = error;
    }
    const ended = performance.now();
    this.options.record({
      ...sent,
      user: this.options.name,
      via: via.name,
      begun,
      ended,
      outcome: outcomeOf(sent.action, answer, fault),
      status: answer?.status,
      ...(answer?.headers['retry-after'] !== undefined && { retryAfter: true }),
      ...(answer?.server !== undefined && { server: answer.server }),
      ...this.shownBy(answer),
      ...(fault !== undefined && { fault: (fault as NodeJS.ErrnoException).code ?? (fault as Error).message }),
    });
    return answer;
  }

  private shownBy(answer: Answer | undefined): Pick<Operation, 'who' | 'seen' | 'fromCopy'> {
    if (!answer || answer.status >= 300 || !answer.text.startsWith('{')) return {};
    const { user, items } = answer.json<Shown>();
    const email = user?.email;
    return {
      ...(email !== undefined && { who: email === this.email ? this.options.name : email }),
      ...(items && { seen: items }),
      ...(answer.headers['x-session-as-of'] !== undefined && { fromCopy: true }),
    };
  }

  /** Mostly nginx, at times a server past it. */
  private place(): Place {
    const { url, servers } = this.options.site;
    const direct = this.random() < 0.1 ? servers() : [];
    return direct[Math.floor(this.random() * direct.length)] ?? { name: 'nginx', url };
  }

  private key(): string {
    return `${this.options.name}-k${Math.floor(this.random() * KEYS)}`;
  }

  private nameFor(device: Device): string {
    return `${this.options.name}.${device.name}.${++this.names}`;
  }

  private otherThan(device: Device): Device {
    return this.devices.find((each) => each !== device)!;
  }

  private newClient(): Client {
    return new Client(this.options.site.url, { timeoutMs: PATIENCE_MS });
  }
}

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

function outcomeOf(action: Action, answer: Answer | undefined, fault: unknown): Outcome {
  // A first try whose answer was lost may have ended the session that is not there any more.
  if (action === 'revoke' && answer?.status === 404) return 'unknown';
  // 202: the end of a session is pending.
  if (answer?.status === 202) return 'unknown';
  if (answer) return answer.status < 400 ? 'ok' : answer.status < 500 ? 'failed' : 'unknown';
  return (fault as NodeJS.ErrnoException).code === 'ECONNREFUSED' ? 'failed' : 'unknown';
}
