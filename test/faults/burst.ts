// Many browsers that change their carts at the same moment, so that a web server has many statements to send at once.
import { Client } from '../support/browser.js';
import { concurrently } from '../support/concurrently.js';

/** A visitor with a cart: what its last change wanted in it, and the last one that was acknowledged. */
interface Visitor {
  readonly client: Client;
  sent: number;
  acknowledged: number;
}

const WIDTH = 8;

export class Burst {
  /** How many changes there were, and how many of them were refused with 503: past nginx nobody repeats them. */
  changes = 0;
  refused = 0;

  private constructor(private readonly visitors: readonly Visitor[]) {}

  /** @param url the site's, where each visitor puts something into the cart at first */
  static async arrive(url: string, size: number): Promise<Burst> {
    const newVisitor = () => ({ client: new Client(url, { timeoutMs: 5_000 }), sent: 0, acknowledged: 0 });
    const burst = new Burst(Array.from({ length: size }, newVisitor));
    await concurrently(size, WIDTH, (i) => burst.change(burst.visitors[i], url));
    return burst;
  }

  /** Each changes its cart, all at once, by this way. @throws Error when one was answered otherwise than 200 or 503 */
  async send(url: string): Promise<void> {
    await Promise.all(this.visitors.map((visitor) => this.change(visitor, url)));
  }

  /** Each looks at its cart. @throws Error when an acknowledged change is missing in one */
  async lookAround(url: string): Promise<void> {
    await concurrently(this.visitors.length, WIDTH, async (i) => {
      const { client, sent, acknowledged } = this.visitors[i];
      const { status, text } = await client.get(`${url}/api/cart`);
      const { burst = 0 } = (JSON.parse(text) as { items?: Record<string, number> }).items ?? {};
      if (burst < acknowledged || burst > sent)
        throw new Error(`A cart of ${acknowledged} to ${sent} pieces was answered ${status} ${text}`);
    });
  }

  close(): void {
    for (const { client } of this.visitors) client.close();
  }

  private async change(visitor: Visitor, url: string): Promise<void> {
    const quantity = ++visitor.sent;
    const { status, text } = await visitor.client.put(`${url}/api/cart/burst`, { quantity });
    this.changes++;
    if (status === 503) this.refused++;
    else if (status !== 200) throw new Error(`A change in a burst was answered ${status} ${text}`);
    else visitor.acknowledged = quantity;
  }
}
