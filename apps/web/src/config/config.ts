// The settings of a web server as one typed object.

/** The session methods: how the servers share their sessions. */
export const sessionMethods = ['cookie', 'sync', 'file', 'mysql', 'memory'] as const;
export type SessionMethod = (typeof sessionMethods)[number];

/**
 * The phases of a migration: in `prepare` the old method leads, in `switch` the new one, in `finish` the old one is
 * only read.
 */
export const migrationPhases = ['prepare', 'switch', 'finish'] as const;
export type MigrationPhase = (typeof migrationPhases)[number];

/** What happens while the session store cannot answer. */
export const outagePolicies = ['deny', 'read-only'] as const;
export type OutagePolicy = (typeof outagePolicies)[number];

/** Which users must have a second factor. */
export const secondFactorRules = ['optional', 'admins', 'required'] as const;
export type SecondFactorRule = (typeof secondFactorRules)[number];

/** Every duration is in milliseconds. */
export class Config {
  readonly server!: {
    readonly port: number;
    readonly host: string;
    /** The port that stays open without a store; set by the outage policy `read-only`. */
    readonly standbyPort?: number;
    readonly name: string;
    /** The address of the site. Its scheme decides whether cookies are `Secure`. */
    readonly publicUrl: URL;
    /** The proxies whose `X-Forwarded-*` and `X-Request-Id` are trusted. */
    readonly trustedProxies: readonly string[];
    readonly metricsPort: number;
    /** The names with a dot by which programs reach the metrics port. */
    readonly metricsHosts: readonly string[];
    /** Whether `X-Served-By`, the server's name on pages and a public `/cluster` exist. */
    readonly show: boolean;
    /** The control socket of the demo; only `npm run demo` sets it. */
    readonly demoSocket?: string;
  };
  readonly database!: {
    readonly urls: readonly string[];
    /** The certificate (PEM) of the authority of the MySQL servers. If it is set, connections to them use TLS only. */
    readonly ca?: string;
    /** The same servers by the account that may change tables. Only `migrate.js` has it; without it, it uses `urls`. */
    readonly migrationUrls?: readonly string[];
  };
  readonly session!: {
    readonly method: SessionMethod;
    /** The first secret signs and encrypts; all verify and decrypt. */
    readonly secrets: readonly string[];
    readonly idleMs: number;
    readonly lifetimeMs: number;
    readonly rememberIdleMs: number;
    readonly rememberLifetimeMs: number;
    readonly touchMs: number;
    /** The minimum time between two removals of ended sessions. */
    readonly cleanupMs: number;
    readonly outage: OutagePolicy;
    /** Set while the site moves its sessions from another method. */
    readonly migrate?: { readonly from: SessionMethod; readonly phase: MigrationPhase };
    /** The mounts of the method `file`; at least one if the method is in use. */
    readonly dirs: readonly string[];
  };
  /** How many attempts are free before further ones have to wait. */
  readonly throttle!: {
    /** Wrong passwords of one account from one address. */
    readonly loginsPerAccount: number;
    /** Wrong passwords from one address in 15 minutes, for any accounts. */
    readonly loginsPerAddress: number;
    /** Attempts to register from one address in an hour. */
    readonly registrationsPerAddress: number;
    /** E-mails that one address may request in an hour. */
    readonly mailsPerAddress: number;
    /** Addresses behind which many users are, such as a gateway's: each has a hundredfold of the limits per address. */
    readonly sharedAddresses: readonly string[];
    /** New sessions of visitors in 15 minutes, on each web server: from one address, and in all. */
    readonly sessionsPerAddress: number;
    readonly sessions: number;
  };
  readonly accounts!: {
    readonly secondFactor: SecondFactorRule;
    /** Whether a sign-in by a new device is mailed to the owner. */
    readonly newDeviceMails: boolean;
    /** The range API to check new passwords against, up to the prefix. */
    readonly breachedPasswordsUrl?: string;
  };
  readonly mail!: {
    /** The mail server; without it e-mails are printed. */
    readonly url?: string;
    readonly from: string;
  };
  /** What `/.well-known/security.txt` tells. */
  readonly disclosure!: {
    /** Where to report a vulnerability, the preferred way first: addresses with `mailto:`, `https:` or `tel:`. */
    readonly contacts: readonly string[];
    /** The address of the site's rules for reports. */
    readonly policy?: string;
  };
  /** Set if the method `sync` is in use. */
  readonly sync?: {
    readonly host: string;
    readonly port: number;
    /** `host:port` of each server, or one DNS name that resolves to all servers. */
    readonly peers: readonly string[];
    readonly secret: string;
    /** The server that leads, then its successors in order; without it every server writes. */
    readonly oneWay?: readonly string[];
    /** Whether an earlier server of the order leads again when it is back. */
    readonly takesBack?: boolean;
    /** The file that keeps the sessions while no server runs. */
    readonly snapshot?: string;
  };

  /** Whether users reach the site over TLS. */
  get secure(): boolean {
    return this.server.publicUrl.protocol === 'https:';
  }

  /** The methods in use: two while sessions move from one to the other. */
  get methods(): readonly SessionMethod[] {
    const { method, migrate } = this.session;
    return migrate ? [migrate.from, method] : [method];
  }

  constructor(
    settings: Pick<
      Config,
      'server' | 'database' | 'session' | 'throttle' | 'accounts' | 'mail' | 'disclosure' | 'sync'
    >,
  ) {
    Object.assign(this, settings);
  }
}
