// One virtual user of a fault test: uses the site on two devices, at random, and expects its answers to fit together.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer, Body } from '../support/browser.js';
import type { CrowdOptions } from './crowd.js';
import { Device, type CookieCopy } from './device.js';
import type { Operation } from './history.js';
import { generator } from './random.js';
import { Recorder, type Sent } from './recorder.js';

export interface VirtualUserOptions extends CrowdOptions {
  readonly name: string;
  /** Tells this crowd's users from another's of the same names. */
  readonly crowd: string;
  readonly record: (operation: Operation) => void;
}

/** The largest quantity of one item in the cart. */
const MOST = 1000;
const KEYS = 5;
/** How many requests' time a user waits after a sign-in that failed. */
const PAUSE = 8;
/** How many copies of ended sessions are kept. */
const COPIES = 4;
/** To register. */
const ATTEMPTS = 5;

export class VirtualUser {
  private readonly random: () => number;
  private readonly devices: readonly Device[];
  /** Copies of cookies whose session has ended: they must be worth nothing. */
  private readonly copies: CookieCopy[] = [];
  private readonly recorder: Recorder;
  private readonly credentials: { readonly email: string; readonly password: string };
  /** Logins and logouts of which nobody knows whether they happened. */
  private unknownOutcomes = 0;

  constructor(private readonly options: VirtualUserOptions) {
    const { name, crowd, site, record, seed = 1 } = options;
    const email = `${name}.${crowd}@example.org`;
    this.random = generator(seed);
    this.credentials = { email, password: `a long passphrase of ${name}` };
    this.devices = ['phone', 'laptop'].map((device) => new Device(`${name}.${device}`, site.url));
    this.recorder = new Recorder({ site, name, email, random: this.random, record });
  }

  /** The names of the logins and carts that its next requests may be about. */
  get inPlay(): readonly string[] {
    return [
      ...this.devices.flatMap(({ token, cart }) => [token ?? cart, cart]),
      ...this.copies.map(({ token }) => token),
    ];
  }

  /** Registers, and signs in on both devices. */
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
      this.unknownOutcomes++;
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

  /** One thing that users do; resolves with how many requests it took. */
  async act(): Promise<number> {
    const device = this.devices[this.random() < 0.7 ? 0 : 1];
    if (device.token === undefined) return this.signIn(device);
    const choice = this.random();
    if (choice < 0.36) return this.look(device);
    if (choice < 0.56) return this.read(device);
    if (choice < 0.82) return this.write(device);
    if (choice < 0.9) return this.writeTwice(device);
    if (choice < 0.95) return this.replay();
    // What takes a login afterwards is rare: a password is checked at the cost of many requests.
    if (choice < 0.985) return this.look(device);
    if (choice < 0.99) return this.signOut(device);
    if (choice < 0.993 || this.options.ends === false) return this.signIn(device);
    if (choice < 0.996) return this.revokeOther(device);
    return this.endOthers(device);
  }

  /** Looks at everything, on every server. */
  async lookAround(): Promise<void> {
    for (const via of this.options.site.servers()) {
      for (const device of this.devices) {
        if (device.token !== undefined) await this.look(device, { via, isFinal: true });
        if (device.token !== undefined) await this.read(device, { via, isFinal: true });
      }
      for (const copy of this.copies) await this.replayCopy(copy, { via, isFinal: true });
    }
  }

  close(): void {
    for (const { client } of [...this.devices, ...this.copies]) client.close();
  }

  private async register(device: Device): Promise<Answer | undefined> {
    const makes = device.nextToken();
    const account = { ...this.credentials, name: this.options.name };
    const answer = await this.send(device, { action: 'register', makes }, 'POST', '/api/register', account);
    if (answer?.status === 201) device.token = makes;
    return answer;
  }

  private async look(device: Device, how: Partial<Sent> = {}): Promise<number> {
    const answer = await this.send(device, { action: 'me', ...how }, 'GET', '/api/me');
    if (answer?.status === 401) device.forget();
    return 1;
  }

  /** After a race: a user who cannot tell whether the login has won starts anew. */
  private async lookIfSignedIn(device: Device): Promise<void> {
    if (device.token === undefined) return;
    // Before that a server may let in what has lost: its cart would be taken for the winner's.
    await sleep(this.options.method.promises.endWithinMs);
    const answer = await this.send(device, { action: 'me' }, 'GET', '/api/me');
    if (answer?.status === 200 && !this.recorder.shownBy(answer).fromCopy) return;
    if (answer?.status !== 401) this.unknownOutcomes++;
    device.forget();
  }

  private async read(device: Device, how: Partial<Sent> = {}): Promise<number> {
    await this.send(device, { action: 'read', ...how }, 'GET', '/api/cart');
    return 1;
  }

  private async write(device: Device, key = this.key(), how: Partial<Sent> = {}): Promise<number> {
    if (device.quantity === MOST) device.forget();
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
    const copy = before === undefined ? undefined : device.copy(before);
    const makes = device.nextToken();
    const ends = before === undefined ? [] : [before];
    const answer = await this.send(device, { action: 'login', makes, ends }, 'POST', '/api/login', this.credentials);
    // Without an answer nobody knows which of the two logins these cookies are worth.
    if (answer?.status === 200) {
      device.token = makes;
      if (copy) this.keep(copy);
      return 1;
    }
    this.unknownOutcomes++;
    device.forget();
    return PAUSE;
  }

  private async signOut(device: Device): Promise<number> {
    const copy = device.copy(device.token!);
    const answer = await this.send(device, { action: 'logout', ends: [copy.token] }, 'POST', '/api/logout', {});
    device.forget();
    if (answer?.status === 204) this.keep(copy);
    else this.unknownOutcomes++;
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
    const isLoose = handles.length > 1 || this.unknownOutcomes > 0;
    const ends = isLoose ? 'others' : other.token === undefined ? [] : [other.token];
    for (const { handle } of handles)
      await this.send(device, { action: 'revoke', ends, isLoose }, 'DELETE', `/api/sessions/${handle}`);
    this.startAnew(other);
    return 1 + handles.length;
  }

  /** Ends all other sessions, half of the time while the other device signs in. */
  private async endOthers(device: Device): Promise<number> {
    const other = this.otherThan(device);
    const races = this.random() < 0.5;
    if (races) {
      if (other.token !== undefined) await this.signOut(other);
      other.forget();
    }
    const [answer] = await Promise.all([
      this.send(device, { action: 'end-others', ends: 'others' }, 'DELETE', '/api/sessions'),
      races && this.signIn(other),
    ]);
    if (answer?.status === 204) this.unknownOutcomes = 0;
    if (answer?.status === 403) await this.signIn(device);
    else if (races) await this.lookIfSignedIn(other);
    else this.startAnew(other);
    return 2;
  }

  /** This device's session was ended, or may have been: its cookies must be worth nothing. */
  private startAnew(device: Device): void {
    const { token } = device;
    if (token !== undefined) this.keep({ client: device.replaceClient(), token });
  }

  /** Uses the cookies of an ended session. */
  private async replay(): Promise<number> {
    const copy = this.copies[Math.floor(this.random() * this.copies.length)];
    if (copy) await this.replayCopy(copy);
    return 1;
  }

  private async replayCopy({ client, token }: CookieCopy, how: Partial<Sent> = {}): Promise<void> {
    await this.recorder.send(client, { action: 'me', token, ...how }, 'GET', '/api/me');
  }

  private keep(copy: CookieCopy): void {
    if (this.options.replays === false) return copy.client.close();
    this.copies.push(copy);
    if (this.copies.length > COPIES) this.copies.shift()!.client.close();
  }

  private send(
    { client, token, cart }: Device,
    sent: Sent,
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    body?: Body,
  ): Promise<Answer | undefined> {
    return this.recorder.send(client, { ...(token !== undefined && { token }), cart, ...sent }, method, path, body);
  }

  private key(): string {
    return `${this.options.name}-k${Math.floor(this.random() * KEYS)}`;
  }

  private otherThan(device: Device): Device {
    return this.devices.find((each) => each !== device)!;
  }
}
