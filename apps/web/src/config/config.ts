// The settings of a web server as one typed object: what the rest of the app sees of its environment.

/** How servers share their sessions. */
export const sessionMethods = ['cookie', 'sync', 'file', 'mysql', 'memory'] as const;
export type SessionMethod = (typeof sessionMethods)[number];

/** From `prepare` (the old method leads) over `switch` (the new one leads) to `finish` (the old one is only read). */
export const migrationPhases = ['prepare', 'switch', 'finish'] as const;
export type MigrationPhase = (typeof migrationPhases)[number];

/** What holds while the sessions' store cannot answer. */
export const outagePolicies = ['deny', 'read-only'] as const;
export type OutagePolicy = (typeof outagePolicies)[number];

/** Who must have a second factor. */
export const secondFactorRules = ['optional', 'admins', 'required'] as const;
export type SecondFactorRule = (typeof secondFactorRules)[number];

/** Every duration is in milliseconds. */
export class Config {
  readonly server!: {
    readonly port: number;
    readonly host: string;
    /** Where it listens also without a store; set by the outage policy `read-only`. */
    readonly standbyPort?: number;
    readonly name: string;
    /** The address people use; its scheme decides whether cookies are `Secure`. */
    readonly publicUrl: URL;
    /** Whose `X-Forwarded-*` and `X-Request-Id` are believed. */
    readonly trustedProxies: readonly string[];
    readonly metricsPort: number;
    /** Whether `X-Served-By`, the server's name on pages and a public `/cluster` exist. */
    readonly show: boolean;
    /** The socket of the demo, which `npm run demo` opens and nobody else. */
    readonly demoSocket?: string;
  };
  readonly database!: {
    readonly urls: readonly string[];
    /** The certificate (PEM) of the authority that signed the databases': then nothing is sent to them but by TLS. */
    readonly ca?: string;
  };
  readonly session!: {
    readonly method: SessionMethod;
    /** The first seals, all open. */
    readonly secrets: readonly string[];
    readonly idleMs: number;
    readonly lifetimeMs: number;
    readonly rememberIdleMs: number;
    readonly rememberLifetimeMs: number;
    readonly touchMs: number;
    /** Between two looks for ended sessions to remove, at least. */
    readonly cleanupMs: number;
    readonly outage: OutagePolicy;
    /** Set while the site moves its sessions over from another method. */
    readonly migrate?: { readonly from: SessionMethod; readonly phase: MigrationPhase };
    /** The mounts of the method `file`, at least one where it is in use. */
    readonly dirs: readonly string[];
  };
  /** How much is let pass before somebody has to wait. */
  readonly throttle!: {
    /** Wrong passwords of one account from one address. */
    readonly loginsPerAccount: number;
    /** Wrong passwords from one address in 15 minutes, of whatever accounts. */
    readonly loginsPerAddress: number;
    /** Attempts to register from one address in an hour. */
    readonly registrationsPerAddress: number;
    /** Mails that one address may ask for in an hour. */
    readonly mailsPerAddress: number;
  };
  readonly accounts!: {
    readonly secondFactor: SecondFactorRule;
    /** The range API that is asked about new passwords, up to the prefix. */
    readonly breachedPasswordsUrl?: string;
  };
  readonly mail!: {
    /** The mail server; without it mails are printed. */
    readonly url?: string;
    readonly from: string;
  };
  /** Set where the method `sync` is in use. */
  readonly sync?: {
    readonly host: string;
    readonly port: number;
    /** `host:port` of each server, or a single name whose addresses are all servers. */
    readonly peers: readonly string[];
    readonly secret: string;
    /** The server that leads, and its successors in their order; without it every server writes. */
    readonly oneWay?: readonly string[];
    /** Whether an earlier server in the order leads again when it is back. */
    readonly takesBack?: boolean;
    /** Where the sessions are kept while no server runs. */
    readonly snapshot?: string;
  };

  /** Whether people reach the site over TLS. */
  get secure(): boolean {
    return this.server.publicUrl.protocol === 'https:';
  }

  /** The methods in use: two while sessions move from one to the other. */
  get methods(): readonly SessionMethod[] {
    const { method, migrate } = this.session;
    return migrate ? [migrate.from, method] : [method];
  }

  constructor(settings: Pick<Config, 'server' | 'database' | 'session' | 'throttle' | 'accounts' | 'mail' | 'sync'>) {
    Object.assign(this, settings);
  }
}
