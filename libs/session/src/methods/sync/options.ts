// What the `sync` method is told, every default in one place, and what it tells back.

/** How peers authenticate. Every server of a site is given the same. */
export type LinkSecurity =
  /** At least 32 characters: the key of TLS with a pre-shared key is derived from it. */
  | { readonly secret: string }
  /** PEM. Both sides show a certificate that `ca` has signed. `secret` seals the snapshot. */
  | { readonly secret: string; readonly key: string; readonly cert: string; readonly ca: string };

/** All in milliseconds. */
export const defaultTimings = {
  /** A link is tried this often; without an answer for `deadAfter` it is closed. */
  heartbeat: 250,
  deadAfter: 1000,
  /** A peer that has not confirmed a change by then is unreachable until it has caught up. */
  ackWithin: 500,
  /** How long a write waits for the peers beyond those that it must wait for. */
  settle: 50,
  /** How long a read waits for peers, or for this server to catch up, before it says that it cannot tell. */
  read: 250,
  /** How long a connection attempt may take. */
  dial: 1000,
  /** How often the copies of two servers are compared. */
  compare: 5000,
  /** How often a DNS name is asked for its addresses. */
  resolve: 5000,
  /** A server that starts and finds no peer for this long begins alone. */
  aloneAfter: 1500,
  /**
   * A server that starts and can reach a peer, but gets none of its sessions for this long, gives up. One that left
   * before the others waits this long for one of them, and then starts without the sessions of its snapshot.
   */
  joinWithin: 10_000,
  /** How long a leader's lease holds: when it is gone, the next one leads about so much later. Only with successors. */
  lease: 1000,
  /** How often a leader asks for its lease anew. */
  renew: 200,
  /** How much longer a successor waits for each reachable server before it in the order. */
  stagger: 100,
  /** How long a write waits for a server that leads. */
  failover: 1400,
  /** A member unreachable for this long is no longer suspected of knowing what the others do not. */
  forgetAfter: 600_000,
};
export type SyncTimings = Readonly<typeof defaultTimings>;

/** How much an authenticated or a strange peer may use. */
export const defaultLimits = {
  /** The largest message, in bytes. */
  frameBytes: 4 * 1024 * 1024,
  /** A peer that sends more is read more slowly. */
  framesPerSecond: 20_000,
  /** Connections of authenticated peers. */
  connections: 128,
  /** Connections that have not authenticated: beyond these the oldest is closed. */
  strangers: 64,
  /** Milliseconds within which a connection must have authenticated and said hello. */
  handshake: 2000,
  /** Milliseconds after which a silent connection is closed. */
  silence: 5000,
};
export type SyncLimits = Readonly<typeof defaultLimits>;

/** One server leads: it alone writes, and the others send it their writes. */
export type OneWayDirection = {
  /** The leader's name, or an order of succession: the first that a majority can reach leads. The same on all servers. */
  readonly oneWay: string | readonly string[];
  /** Whether an earlier server in the order leads again when it is back. Default: the one that leads goes on. */
  readonly takesBack?: boolean;
};

export interface SyncOptions {
  /** This server's name: no two servers of a site may have the same, and it should stay over restarts. */
  readonly serverName: string;
  readonly listen: { readonly host?: string; readonly port: number };
  /**
   * `host:port` of every server (this one's own may be among them and is recognised), or a DNS name without a port,
   * each of whose addresses is a server that listens on the same port as this one.
   */
  readonly peers: readonly string[];
  readonly security: LinkSecurity;
  readonly direction?: 'both-ways' | OneWayDirection;
  /**
   * How many peers must have confirmed a write; fewer do when fewer are reachable, but for `majority`. Default 1. With
   * successors it is always a majority.
   */
  readonly acks?: 0 | 1 | 'majority';
  /**
   * Beyond these a new session is refused: a live one is never dropped for it. The last quarter is for users: a visitor's is
   * refused before. Default: 1,000,000 and 1 GiB.
   */
  readonly maxSessions?: number;
  readonly maxBytes?: number;
  /** Where `close` leaves the sessions and the next start takes them from; encrypted. Default: nowhere. */
  readonly snapshotFile?: string;
  readonly timings?: Partial<SyncTimings>;
  readonly limits?: Partial<SyncLimits>;
  /**
   * Asked while all peers are silent (none refuses, as a machine does whose server has died): whether this server hears
   * nobody else either, its database for one, so that it is this server that was cut off. While it says so nothing is
   * served here. Default: never, so that the last server goes on.
   */
  readonly isCutOff?: () => Promise<boolean>;
  readonly onEvent?: (event: SyncEvent) => void;
  /** Milliseconds since 1970; for tests. */
  readonly now?: () => number;
  /** The addresses behind a DNS name; default: the system's resolver. */
  readonly lookup?: (name: string) => Promise<string[]>;
}

/** What the store tells an operator. */
export type SyncEvent =
  | { readonly type: 'peer-up' | 'peer-current'; readonly peer: string }
  | { readonly type: 'peer-down' | 'peer-refused'; readonly peer: string; readonly reason: string }
  /** This server hears nobody: it serves again when it has caught up. */
  | { readonly type: 'cut-off' }
  /** With successors: this server leads from now on, or no more. */
  | { readonly type: 'leads' | 'leads-no-more' }
  | { readonly type: 'snapshot-refused'; readonly reason: string };

export interface SyncStats {
  readonly sessions: number;
  readonly tombstones: number;
  readonly epochs: number;
  /** An estimate of the memory that they take. */
  readonly bytes: number;
  /** Milliseconds from the start until it could serve. */
  readonly joinedIn: number;
  /** The server that leads, as far as this one knows; undefined where every server writes, or none leads. */
  readonly leader: string | undefined;
  /** Equal on servers that hold the same. */
  readonly digest: string;
  readonly peers: readonly { address: string; name: string | undefined; state: string; current: boolean }[];
  /** Counters since the start. */
  readonly counters: Readonly<Counters>;
}

export class Counters {
  framesSent = 0;
  framesReceived = 0;
  /** Messages that were not ours, each the end of its connection. */
  malformed = 0;
  /** Connections that did not authenticate, came too many or too slow. */
  refused = 0;
  /** Times a peer was read more slowly. */
  throttled = 0;
  /** Reads that had to ask the peers. */
  fetches = 0;
  /** Changes that a comparison with a peer brought. */
  repaired = 0;
}
