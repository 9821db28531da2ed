// The session methods that `--method all` tries, `sync` in both directions: one row of its table each.

export interface MethodVariant {
  /** The name of its row. */
  readonly label: string;
  readonly method: string;
  /** For `sync`, as `SYNC_DIRECTION`. */
  readonly direction?: string;
}

/** The names of so many web servers. */
export function serverNames(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `web${i + 1}`);
}

/** A successor takes over only where a majority goes on: of two web servers, the one that follows is killed. */
export function methodVariants(servers: number): readonly MethodVariant[] {
  const direction = `one-way:${servers < 3 ? 'web1' : serverNames(servers).join()}`;
  return [
    { label: 'cookie', method: 'cookie' },
    { label: 'sync', method: 'sync' },
    { label: 'sync one-way', method: 'sync', direction },
    { label: 'file', method: 'file' },
    { label: 'mysql', method: 'mysql' },
  ];
}
