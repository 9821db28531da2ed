// One device of a virtual user: its browser, and what the user knows of the session and the cart in it.
import { Client } from '../support/browser.js';

/** Cookies, and the name of the login that they belong to. */
export interface CookieCopy {
  readonly client: Client;
  readonly token: string;
}

/** The longest that a user waits for an answer, in milliseconds: a later one counts as none. */
const PATIENCE_MS = 5_000;

export class Device {
  client: Client;
  /** The name of the login, while signed in. */
  token: string | undefined;
  cart: string;
  /** The last quantity that was put into the cart: each is used once. */
  quantity = 0;
  /** Whether something in the cart was sent together with something else, so perhaps to both sides of a cut. */
  mayBeSplit = false;
  private names = 0;

  /** @param name the user's and its own: `u3.phone` */
  constructor(
    private readonly name: string,
    private readonly origin: string,
  ) {
    this.client = this.newClient();
    this.cart = `${name}.cart`;
  }

  /** The name of the next login: `u3.phone.2`. */
  nextToken(): string {
    return `${this.name}.${++this.names}`;
  }

  copy(token: string): CookieCopy {
    return { client: this.client.copy(), token };
  }

  /** As after clearing the cookies. */
  forget(): void {
    this.client.cookies.clear();
    this.token = undefined;
    this.cart = `${this.name}.cart${++this.names}`;
    this.quantity = 0;
    this.mayBeSplit = false;
  }

  /** Goes on in a new browser; the old one keeps its cookies. */
  replaceClient(): Client {
    const { client } = this;
    this.client = this.newClient();
    this.forget();
    return client;
  }

  private newClient(): Client {
    return new Client(this.origin, { timeoutMs: PATIENCE_MS });
  }
}
