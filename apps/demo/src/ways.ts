// The ways to share sessions that `--method all` tries, one row of its table each.

export interface Way {
  /** The name of its row. */
  readonly label: string;
  readonly method: string;
  /** For `sync`, as `SYNC_DIRECTION`. */
  readonly direction?: string;
}

/** A successor takes over only where a majority goes on: of two web servers, the one that follows is killed. */
export function waysToShare(servers: number): readonly Way[] {
  const names = Array.from({ length: servers }, (_, i) => `web${i + 1}`);
  const direction = `one-way:${servers < 3 ? 'web1' : names.join()}`;
  return [
    { label: 'cookie', method: 'cookie' },
    { label: 'sync', method: 'sync' },
    { label: 'sync one-way', method: 'sync', direction },
    { label: 'file', method: 'file' },
    { label: 'mysql', method: 'mysql' },
  ];
}
