// A view of an object that tells of each change made through it.

/** A view of `target` that tells of each change made through it; the change takes effect in `target`. */
export function watched<T extends object>(target: T, onChange: (key: string) => void): T {
  return new Proxy(target, new Watcher(onChange));
}

class Watcher<T extends object> implements ProxyHandler<T> {
  /** @param key the session's key that holds the target, where that is not the session itself */
  constructor(
    private readonly onChange: (key: string) => void,
    private readonly key?: string,
  ) {}

  get(target: T, name: string | symbol): unknown {
    const value = Reflect.get(target, name) as unknown;
    if (typeof name === 'symbol' || !isJsonObject(value)) return value;
    return new Proxy(value, new Watcher(this.onChange, this.key ?? name));
  }

  set(target: T, name: string | symbol, value: unknown): boolean {
    if (typeof name === 'symbol' || Object.hasOwn(target, name) || !(name in target)) this.tell(name);
    return Reflect.set(target, name, value);
  }

  deleteProperty(target: T, name: string | symbol): boolean {
    this.tell(name);
    return Reflect.deleteProperty(target, name);
  }

  private tell(name: string | symbol): void {
    this.onChange(this.key ?? String(name));
  }
}

/** Others, dates for example, do not work through a proxy. */
function isJsonObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
}
