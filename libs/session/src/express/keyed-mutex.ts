// Work on one key at a time, in the order of the calls; work on different keys runs side by side.
export class KeyedMutex {
  private readonly last = new Map<string, Promise<void>>();

  /** Resolves when all work of this key that was asked for until now has ended. */
  idle(key: string): Promise<void> {
    return this.last.get(key) ?? Promise.resolve();
  }

  run<T>(key: string, act: () => Promise<T>): Promise<T> {
    const before = this.last.get(key);
    const work = before ? before.then(act) : act();
    const ended = work
      .then(
        () => undefined,
        () => undefined,
      )
      .finally(() => {
        if (this.last.get(key) === ended) this.last.delete(key);
      });
    this.last.set(key, ended);
    return work;
  }
}
