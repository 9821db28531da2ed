// Many browsers that change their carts at the same moment, so that a web server has many statements to send at once.
import { Client, type Answer } from '../support/browser.js';
import { concurrently } from '../support/concurrently.js';

/** A visitor with a cart, and what the last acknowledged change has put into it. */
interface Visitor {
  readonly client: Client;
  quantity: number;
}

const WIDTH = 8;

export class Burst {
  private constructor(private readonly visitors: readonly Visitor[]) {}

  /** @param url the site's, where each visitor puts something into the cart at first */
  static async arrive(url: string, size: number): Promise<Burst> {
    const visitors = await concurrently(size, WIDTH, async () => {
      const visitor = { client: new Client(url, { timeoutMs: 5_000 }), quantity: 0 };
      expectOk(await change(visitor, url));
      return visitor;
    });
    return new Burst(visitors);
  }

  /**
   * Each changes its cart, all at once, by this way.
   * @throws Error when a change failed
   */
  async send(url: string): Promise<void> {
    for (const answer of await Promise.all(this.visitors.map((visitor) => change(visitor, url)))) expectOk(answer);
  }

  /** Each looks at its cart. @throws Error when one does not show the last change */
  async lookAround(url: string): Promise<void> {
    await concurrently(this.visitors.length, WIDTH, async (i) => {
      const { client, quantity } = this.visitors[i];
      const answer = await client.get(`${url}/api/cart`);
      if (answer.json<{ items?: Record<string, number> }>().items?.burst !== quantity)
        throw new Error(`A cart with ${quantity} pieces was answered ${answer.status} ${answer.text}`);
    });
  }

  close(): void {
    for (const { client } of this.visitors) client.close();
  }
}

function change(visitor: Visitor, url: string): Promise<Answer> {
  return visitor.client.put(`${url}/api/cart/burst`, { quantity: ++visitor.quantity });
}

function expectOk(answer: Answer): void {
  if (answer.status !== 200) throw new Error(`A change in a burst was answered ${answer.status} ${answer.text}`);
}
