// What columns of entities have in common.

/** A column for ids, keys and names of the program's own: compared byte by byte, one byte per character. */
export const ascii = { charset: 'ascii', collation: 'ascii_bin' } as const;
