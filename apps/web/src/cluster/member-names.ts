// Short names for the MySQL servers, which `DATABASE_URLS` knows by their addresses.

/**
 * The first label of each host's name, such as `mysql1` of `mysql1.internal:3306`, if these tell the servers apart; else
 * `mysql1`, `mysql2`, … in the order of the addresses, which is that of `DATABASE_URLS`.
 * @param addresses `host:port`
 */
export function memberNames(addresses: readonly string[]): string[] {
  const labels = addresses.map((address) => /^(?!localhost[.:])([a-z][\w-]*)[.:]/i.exec(address)?.[1]);
  if (new Set(labels).size === labels.length && labels.every((label) => label !== undefined)) return labels;
  return addresses.map((_address, index) => `mysql${index + 1}`);
}
