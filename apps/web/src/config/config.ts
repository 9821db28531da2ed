// The settings of a web server as one typed object: what the rest of the app sees of its environment.

export type SessionMethod = 'mysql' | 'memory';

/** Every duration is in milliseconds. */
export class Config {
  readonly server!: {
    readonly port: number;
    readonly host: string;
    readonly name: string;
    /** The address people use; its scheme decides whether cookies are `Secure`. */
    readonly publicUrl: URL;
    /** Whose `X-Forwarded-*` and `X-Request-Id` are believed. */
    readonly trustedProxies: readonly string[];
    readonly metricsPort: number;
    /** Whether `X-Served-By`, the server's name on pages and a public `/cluster` exist. */
    readonly show: boolean;
  };
  readonly database!: {
    readonly urls: readonly string[];
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
  };

  /** Whether people reach the site over TLS. */
  get secure(): boolean {
    return this.server.publicUrl.protocol === 'https:';
  }

  constructor(settings: Pick<Config, 'server' | 'database' | 'session'>) {
    this.server = settings.server;
    this.database = settings.database;
    this.session = settings.session;
  }
}
