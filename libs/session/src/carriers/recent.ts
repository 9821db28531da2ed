// A bounded cache of the entries that were used last.

/** The entries used last: `size` of them at least, as soon as there were so many, and twice as many at most. */
export class Recent<T extends object> {
  private young = new Map<string, T>();
  private old = new Map<string, T>();

  constructor(private readonly size: number) {}

  get(key: string): T | undefined {
    const known = this.young.get(key);
    if (known) return known;
    const before = this.old.get(key);
    if (before) this.set(key, before);
    return before;
  }

  set(key: string, value: T): void {
    if (this.young.size >= this.size) {
      this.old = this.young;
      this.young = new Map();
    }
    this.young.set(key, value);
  }
}
