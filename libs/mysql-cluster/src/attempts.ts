// The attempts of one statement: a node that is slow is not given up, another is asked beside it.
import type { ClusterNode } from './node.js';

/** How one attempt ended. */
export type Ended<T> = { readonly node: ClusterNode } & ({ readonly value: T } | { readonly error: unknown });

export class Attempts<T> {
  private readonly running = new Map<ClusterNode, Promise<Ended<T>>>();
  private slow: Promise<undefined> | undefined;

  /** The nodes that have not answered yet. */
  get nodes(): Iterable<ClusterNode> {
    return this.running.keys();
  }

  get isRunning(): boolean {
    return this.running.size > 0;
  }

  /** `run` calls back when its answer takes long. */
  begin(node: ClusterNode, run: (onSlow: () => void) => Promise<T>): void {
    this.slow = new Promise((resolve) => {
      const ended = run(() => resolve(undefined)).then(
        (value) => ({ node, value }),
        (error: unknown) => ({ node, error }),
      );
      this.running.set(node, ended);
    });
  }

  /** The next that ends; undefined when the youngest takes long, or when `meanwhile` comes first. */
  async next(meanwhile?: Promise<void>): Promise<Ended<T> | undefined> {
    const events: Promise<Ended<T> | void>[] = [...this.running.values()];
    if (this.slow) events.push(this.slow);
    if (meanwhile) events.push(meanwhile);
    const ended = await Promise.race(events);
    this.slow = undefined;
    if (!ended) return undefined;
    this.running.delete(ended.node);
    return ended;
  }
}
