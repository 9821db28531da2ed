// One node: where it is, its place in the ranking, its connections.
import type { ConnectionOptions } from 'mysql2';
import type { GatheredReads } from './gathered-reads.js';
import type { GatheredWrites } from './gathered-writes.js';
import type { NodePool } from './node-pool.js';
import { tlsWith } from './tls.js';

export interface ClusterNode extends NodeAddress {
  readonly index: number;
  /** The hash of its `server_uuid`; of its name until that is known. */
  readonly hash: number;
  /** Connections of their own: writes that a group holds up must not keep anybody from reading. */
  readonly reads: NodePool;
  /** Reads by key, several in one statement; over the connections of `reads`. */
  readonly gatheredReads: GatheredReads;
  readonly writes: NodePool;
  /** Updates by key, several in one statement; over the connections of `writes`. */
  readonly gatheredWrites: GatheredWrites;
}

/** What a statement needs of a node, and which of its connections it takes. */
export type Access = 'reads' | 'writes';

export interface NodeAddress {
  /** `host:port`. */
  readonly name: string;
  /** How mysql2 connects to it. */
  readonly connection: ConnectionOptions;
}

/**
 * Reads `mysql://user:password@host:port/database`; throws without repeating the url, which holds a password.
 * @param ca PEM, see `ClusterOptions`
 */
export function parseUrl(text: string, index: number, ca?: string): NodeAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'mysql:' || url.hostname === '')
    throw new TypeError(`database URL ${index + 1} must have the form mysql://user:password@host:port/database`);
  return {
    name: `${url.hostname}:${url.port || '3306'}`,
    connection: {
      // mysql2 reads the url itself, and with it `?ssl={…}`.
      uri: text,
      ...(ca !== undefined && { ssl: tlsWith(ca) }),
      timezone: 'Z',
      supportBigNumbers: true,
      keepAliveInitialDelay: 10_000,
    },
  };
}
