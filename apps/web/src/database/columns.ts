// What columns of entities have in common.

/** A column for ids, keys and names of the program's own: compared byte by byte, one byte per character. */
export const ascii = { charset: 'ascii', collation: 'ascii_bin' } as const;

/** A column for a time in milliseconds since 1970, as a number. */
export const milliseconds = {
  type: 'bigint',
  unsigned: true,
  // MySQL's driver gives a string where a number might lose digits: for 280,000 years these do not.
  transformer: { to: (value: unknown) => value, from: Number },
} as const;
